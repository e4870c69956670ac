// What happens to a gallery while its page is open: jobs and their progress, new generations.

import * as api from "./api.js";
import { counted, readable } from "./dom.js";
import { notice, progressNotice } from "./notices.js";

const WORDS = {
  add: "Adding pictures",
  update: "Bringing the gallery up to date",
  watch: "Taking in changed files",
  remove: "Removing pictures",
  map: "Drawing the map",
  tune: "Tuning the index",
};
const ENDED = new Set(["done", "failed", "cancelled"]);
// What ends as soon as it begins is not worth a bar.
const PATIENCE_MS = 400;
const REST_MS = 5000;
const LONGEST_REST_MS = 60000;
// Jobs that have ended, by which an older word of them is known.
const MOST_ENDED = 100;
const MOST_REFUSED = 3;

export class Live {
  // `onGallery` is called with { generation, images }; `onJob` with each job that ended.
  constructor({ onGallery, onJob, canWrite }) {
    Object.assign(this, { onGallery, onJob, canWrite });
    this.jobs = new Map();
    this.expected = new Set();
    this.ended = new Map();
    this.rest = REST_MS;
    document.addEventListener("visibilitychange", () => this.onSight());
  }

  // A browser opens few connections to one server for all its tabs together: one that nobody
  // looks at gives its own back.
  onSight() {
    clearTimeout(this.resting);
    if (!this.source) return;
    if (document.hidden) this.resting = setTimeout(() => this.source.close(), REST_MS);
    else if (this.source.readyState === EventSource.CLOSED) {
      this.listen(this.gallery);
    }
  }

  // What became of the jobs that were under way, after a time without events: a server that was
  // started anew knows them no more.
  catchUp() {
    this.rest = REST_MS;
    for (const [id, known] of this.jobs)
      api.job(id).then(
        (job) => this.take(job),
        (error) => error.status === 404 && this.jobs.delete(id) && known.end(),
      );
  }

  listen(gallery) {
    const isSame = this.gallery === gallery;
    if (isSame && this.source && this.source.readyState !== EventSource.CLOSED) return;
    this.source?.close();
    if (!isSame) this.forget();
    this.gallery = gallery;
    clearTimeout(this.resting);
    this.source = new EventSource(api.eventsAddress(gallery));
    this.source.addEventListener("open", () => this.catchUp());
    this.source.addEventListener("error", () => this.onBreak());
    this.source.addEventListener("gallery", (event) => this.onGallery(JSON.parse(event.data)));
    this.source.addEventListener("job", (event) => this.take(JSON.parse(event.data)));
  }

  // Browsers come back to a stream that broke, and not to one that was refused.
  onBreak() {
    if (this.source.readyState !== EventSource.CLOSED) return;
    clearTimeout(this.resting);
    this.resting = setTimeout(() => document.hidden || this.listen(this.gallery), this.rest);
    this.rest = Math.min(LONGEST_REST_MS, 2 * this.rest);
  }

  // Jobs of another gallery.
  forget() {
    for (const each of this.jobs.values()) each.end();
    this.jobs.clear();
  }

  // Follows a job that this page asked for, where events do not come. Of another gallery's job no
  // event would tell the end.
  take(job) {
    if (job.gallery !== this.gallery) return undefined;
    if (ENDED.has(job.state)) return this.end(job);
    // What was asked before its end may come after it.
    if (this.ended.has(job.job_id)) return undefined;
    if (job.kind === "watch" && job.state === "waiting") return undefined;
    const shown = this.jobs.get(job.job_id) ?? this.begin(job);
    return shown.show(job);
  }

  end(job) {
    const { job_id: id } = job;
    const known = this.jobs.get(id);
    known?.end();
    this.jobs.delete(id);
    const isToTell = this.expected.delete(id) || Boolean(known);
    const wasTold = this.ended.get(id) === null;
    this.ended.set(id, isToTell || wasTold ? null : job);
    if (this.ended.size > MOST_ENDED) this.ended.delete(this.ended.keys().next().value);
    if (isToTell) this.onJob(job);
  }

  // A job may have ended before the answer that names it has come.
  expect(id) {
    const ended = this.ended.get(id);
    if (ended) {
      this.ended.set(id, null);
      this.onJob(ended);
    } else if (ended === undefined) this.expected.add(id);
  }

  begin(job) {
    let bar = null;
    let last = job;
    const show = () => {
      const share = last.total ? last.done / last.total : null;
      const many =
        last.total > 1
          ? ` · ${last.done.toLocaleString("en")} of ${last.total.toLocaleString("en")}`
          : "";
      bar?.show(
        share,
        `${WORDS[last.kind] ?? last.kind}${many}${last.note ? ` · ${last.note}` : ""}`,
      );
    };
    const timer = setTimeout(() => {
      const cancel = this.canWrite()
        ? () => api.cancelJob(job.job_id).catch(() => undefined)
        : null;
      bar = progressNotice(WORDS[job.kind] ?? job.kind, cancel);
      show();
    }, PATIENCE_MS);
    const made = {
      show(told) {
        last = told;
        show();
      },
      end() {
        clearTimeout(timer);
        bar?.close();
      },
    };
    this.jobs.set(job.job_id, made);
    return made;
  }
}

// Says quietly what became of a job; what went wrong stays until it was read.
export function tellOfJob(job, { refresh = null } = {}) {
  if (job.state === "failed") {
    const told =
      job.error?.detail ?? job.error?.title ?? "it failed, and the server does not say why";
    notice(`${WORDS[job.kind] ?? job.kind}: ${told}`, { key: `job-${job.kind}`, kind: "wrong" });
  } else if (job.state === "done" && job.kind === "add") {
    const result = job.result ?? {};
    const words = addedWords(result);
    if (words)
      notice(words, {
        key: "added",
        act: result.added && refresh ? { words: "Show newest", act: refresh } : null,
      });
    const refused = (result.pictures ?? []).filter((each) => each.status === "refused");
    for (const each of refused.slice(0, MOST_REFUSED))
      notice(refusedWords(each), { kind: "wrong", key: each.name });
    const rest = refused.length - MOST_REFUSED;
    if (rest > 0)
      notice(`${counted(rest, "other file")} refused, too.`, { kind: "wrong", key: "refused" });
  }
}

const refusedWords = ({ name, problem }) => readable(problem?.detail ?? `${name} cannot be used.`);

function addedWords(result) {
  const told = [];
  const put = (count, words) => count && told.push(words(count));
  put(result.added, (count) => `${counted(count, "picture")} added`);
  put(result.already_there, (count) => `${counted(count, "picture")} there already`);
  put(result.waiting, (count) => `${counted(count, "picture")} waiting`);
  return told.length ? `${told.join(", ")}.` : "";
}
