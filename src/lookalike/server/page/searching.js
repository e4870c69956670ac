// Asking for pictures, page by page: hits of a query, or a gallery's pictures where nothing is
// asked. Answers are kept, so that "back" shows at once what was there, where it was.

import * as api from "./api.js";
import { whereOf } from "./filters.js";
import { wired } from "./parts.js";
import { forgetRows, hasPictures, keepRows, rowsOf } from "./rows.js";
import { isAsking, searchKey } from "./state.js";

// Ten later pages reach just as far as a server goes with one query.
const PAGE = 40;
const LATER_PAGE = 96;
const FARTHEST = PAGE + 10 * LATER_PAGE;
const MOST_ANSWERS = 12;

export class Answer {
  // `images` is how many pictures the gallery had when it was asked.
  constructor(state, images) {
    Object.assign(this, { state, images, key: searchKey(state), isRanked: isAsking(state) });
    Object.assign(this, {
      hits: [],
      next: 0,
      told: null,
      problem: null,
      isLoading: false,
      scroll: 0,
    });
    this.ids = new Set();
    this.stopping = new AbortController();
  }

  get isComplete() {
    return this.next === null;
  }

  // There may be more, of which the server tells nothing.
  get isCut() {
    return this.isRanked && this.isComplete && this.hits.length >= FARTHEST;
  }

  stop() {
    this.stopping.abort();
    this.stopping = new AbortController();
    this.isLoading = false;
  }

  // Loads the next page and returns its pictures; null where one is on its way already.
  async more() {
    if (this.isLoading || this.isComplete) return null;
    this.isLoading = true;
    this.problem = null;
    const { signal } = this.stopping;
    const began = performance.now();
    try {
      const told = await (this.isRanked ? this.searched(signal) : this.listed(signal));
      this.took = performance.now() - began;
      return this.taken(told);
    } catch (error) {
      if (error.name !== "AbortError" && !signal.aborted) this.problem = error;
      return null;
    } finally {
      if (!signal.aborted) this.isLoading = false;
    }
  }

  async searched(signal) {
    const told = await this.askedWith(rowsOf(this.state), signal);
    this.told = told;
    return { found: told.hits, next: told.next_offset };
  }

  async askedWith(rows, signal) {
    const { state } = this;
    const { said, pictures } = await wired(state.gallery, state.parts, rows);
    const query = queryOf(state, said, this.hits.length ? LATER_PAGE : PAGE, this.next);
    query.with_embeddings = !rows && hasPictures(state);
    try {
      const told = await api.search(state.gallery, query, pictures, signal);
      keepRows(state, told.embeddings);
      // On this page embeddings only ever stand for pictures.
      return rows ? { ...told, meaning: told.meaning.replace(/embedding/g, "picture") } : told;
    } catch (error) {
      if (!rows || error.status !== 400) throw error;
      // The gallery may have another encoder by now.
      forgetRows();
      return this.askedWith(null, signal);
    }
  }

  async listed(signal) {
    const where = whereOf(this.state);
    const asked = {
      limit: this.hits.length ? LATER_PAGE : PAGE,
      order: "newest",
      where,
      after: this.next,
    };
    const told = await api.images(this.state.gallery, asked, signal);
    return { found: told.images, next: told.next_after ?? null };
  }

  // While pictures are being added, a later page may bring one again that is there already.
  taken({ found, next }) {
    const fresh = found.filter((hit) => !this.ids.has(hit.image_id));
    for (const hit of fresh) this.ids.add(hit.image_id);
    this.hits.push(...fresh);
    this.next = next;
    return fresh;
  }

  forget(id) {
    this.hits = this.hits.filter((hit) => hit.image_id !== id);
  }
}

function queryOf(state, parts, k, offset) {
  const where = whereOf(state);
  const query = { parts, k, offset: offset ?? 0 };
  // A picture from outside is looked for itself, too: whether it is here is worth knowing.
  if (parts.some((each) => each.image_id !== undefined)) query.exclude_self = true;
  if (where) query.where = where;
  if (state.group) query.group_by = state.group;
  if (state.diversity) query.diversity = state.diversity;
  // Elsewhere the page leaves out itself what lies below: scores only fall.
  if (state.diversity && state.min !== null) query.min_score = state.min;
  if (state.isWithoutCopies) query.exclude_copies = true;
  if (state.isBest && canChooseBest(state)) query.combine = "best";
  const { kept, rejected } = state;
  if (kept.length || rejected.length) query.feedback = { kept, rejected };
  return query;
}

// Views are each for themselves: there have to be two, and weights say nothing about them.
export function canChooseBest({ parts }) {
  const plus = parts.filter((each) => each.weight > 0);
  const views = plus.some((each) => each.kind !== "text")
    ? plus.filter((each) => each.kind !== "text")
    : plus;
  return views.length > 1 && views.every((each) => each.weight === 1);
}

export class Answers {
  constructor() {
    this.kept = new Map();
  }

  of(state, images) {
    const key = searchKey(state);
    const known = this.kept.get(key);
    if (known) this.kept.delete(key);
    const answer = known ?? new Answer(state, images);
    this.kept.set(key, answer);
    if (this.kept.size > MOST_ANSWERS) this.kept.delete(this.kept.keys().next().value);
    return { answer, isNew: !known };
  }

  // What the gallery held then: only the answer that is looked at stays.
  forgetAllBut(answer) {
    for (const [key, each] of this.kept) if (each !== answer) this.kept.delete(key);
  }
}
