// Ways into a search: each makes a new state of what was, and of what came.

import { counted, part, shownSize } from "./dom.js";
import { withFilter } from "./filters.js";
import { keep } from "./kept.js";
import { notice, tell } from "./notices.js";
import { makePart, samePart } from "./parts.js";
import { isAsking } from "./state.js";

const MOST_LIKE = 500;
const MOST_PICTURES = 8;
const MOST_WHERE = 4000;

export const withoutQuery = {
  parts: [],
  kept: [],
  rejected: [],
  filters: [],
  where: "",
  min: null,
  view: "",
  open: null,
};

// In another gallery the numbers of pictures mean others; words and pictures from outside stay.
export function withoutIds({ parts }) {
  const stays = parts.filter((each) => each.kind !== "id");
  return { ...withoutQuery, parts: stays, group: "" };
}

export class Asking {
  constructor(store, gallery) {
    Object.assign(this, { store, gallery });
  }

  // Goes back from the map to pictures, and closes what is open.
  ask(changes) {
    this.store.set({ view: "", open: null, min: null, ...changes });
    part("results").focus({ preventScroll: true });
  }

  only(each) {
    this.ask({ parts: [each], kept: [], rejected: [] });
  }

  similar(hit) {
    this.only(makePart("id", hit.image_id));
  }

  also(hit) {
    this.ask({ parts: [...this.store.now.parts, makePart("id", hit.image_id)] });
  }

  withText(text) {
    const { can_fetch_urls: canFetch, has_text: hasText } = this.gallery() ?? {};
    const isAddress = /^https?:\/\/\S+$/.test(text);
    if (isAddress && !canFetch) {
      notice("This server fetches no addresses: drop or paste the picture itself.", {
        key: "no-address",
      });
      return undefined;
    }
    const kind = isAddress ? "url" : "text";
    if (kind === "text" && !hasText) return this.tellWordless();
    const { parts } = this.store.now;
    const one = makePart(kind, text);
    if (parts.some((each) => samePart(each, one))) return undefined;
    return this.ask({ parts: [...parts.filter((each) => each.kind !== "text"), one] });
  }

  tellWordless() {
    notice("This gallery's encoder knows no words: search with a picture.", {
      key: "no-text",
      act: { words: "Choose one", act: () => part("pick").click() },
    });
  }

  withPictures(files) {
    const most = this.gallery()?.limits?.max_body_bytes ?? Infinity;
    const chosen = files.slice(0, MOST_PICTURES);
    if (chosen.reduce((sum, file) => sum + file.size, 0) > most * 0.95) {
      const many = chosen.length > 1 ? "These pictures are" : "This picture is";
      const words = `${many} too large: this server takes ${shownSize(most)} in one search.`;
      notice(words, { kind: "wrong", key: "large" });
      return;
    }
    if (files.length > MOST_PICTURES) notice(`Searching with the first ${MOST_PICTURES} of them.`);
    const parts = chosen.map((file) => makePart("up", keep(file)));
    this.ask({ parts, kept: [], rejected: [] });
  }

  withAll(ids) {
    if (ids.length > MOST_LIKE) notice(`Searching with the first ${MOST_LIKE} of them.`);
    this.ask({ parts: [], kept: ids.slice(0, MOST_LIKE), rejected: [] });
  }

  amongThese(ids) {
    const most = (this.gallery().limits?.max_where ?? MOST_WHERE) - 100;
    let fitting = ids;
    while (fitting.join(", ").length > most)
      fitting = fitting.slice(0, Math.floor(fitting.length * 0.9));
    if (fitting.length < ids.length)
      notice(`A filter can name ${counted(fitting.length, "picture")} of them.`);
    const filters = withFilter(this.store.now.filters, { column: "image_id", values: fitting });
    this.store.set({ filters, view: isAsking(this.store.now) ? "" : "all" });
  }

  opine(hit, key, other) {
    const { now } = this.store;
    const has = now[key].includes(hit.image_id);
    const own = has ? now[key].filter((id) => id !== hit.image_id) : [...now[key], hit.image_id];
    const changes = { [key]: own, [other]: now[other].filter((id) => id !== hit.image_id) };
    this.store.set(changes, { isStep: now.open === null });
    tell(has ? "Opinion taken back" : key === "kept" ? "More like this" : "Less like this");
  }

  hitActs() {
    return {
      open: (hit) => this.store.set({ open: hit.image_id }),
      more: (hit) => this.opine(hit, "kept", "rejected"),
      less: (hit) => this.opine(hit, "rejected", "kept"),
    };
  }
}
