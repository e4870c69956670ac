// What is shown, as one value that the address bar carries. It stands behind the "#", which is
// never sent: what somebody searches for reaches no log on its way.

import { readPart, writtenPart } from "./parts.js";

const isId = (number) => Number.isSafeInteger(number) && number > 0;
const ids = (text) => (text ?? "").split(",").map(Number).filter(isId);

export function addressOf(state) {
  const asked = new URLSearchParams();
  const put = (key, value) => value && asked.append(key, value);
  put("g", state.gallery);
  for (const each of state.parts) put("p", writtenPart(each));
  put("more", state.kept.join(","));
  put("less", state.rejected.join(","));
  for (const filter of state.filters) put("f", JSON.stringify(filter));
  put("where", state.where);
  if (state.min !== null) put("min", String(state.min));
  put("group", state.group);
  put("diverse", state.diversity ? String(state.diversity) : "");
  put("copies", state.isWithoutCopies ? "no" : "");
  put("best", state.isBest ? "yes" : "");
  put("view", state.view);
  if (state.open !== null) put("open", String(state.open));
  return `#${asked}`;
}

export function stateOf(address) {
  const asked = new URLSearchParams(address.replace(/^#/, ""));
  const number = (key) =>
    asked.has(key) && Number.isFinite(Number(asked.get(key))) ? Number(asked.get(key)) : null;
  return {
    gallery: asked.get("g"),
    parts: asked.getAll("p").map(readPart).filter(Boolean),
    kept: ids(asked.get("more")),
    rejected: ids(asked.get("less")),
    filters: asked.getAll("f").map(readFilter).filter(Boolean),
    where: asked.get("where") ?? "",
    min: number("min"),
    group: asked.get("group") ?? "",
    diversity: Math.min(1, Math.max(0, number("diverse") ?? 0)),
    isWithoutCopies: asked.get("copies") === "no",
    isBest: asked.get("best") === "yes",
    view: ["all", "map"].includes(asked.get("view")) ? asked.get("view") : "",
    open: isId(number("open")) ? number("open") : null,
  };
}

const isPlain = (value) => ["string", "number", "boolean"].includes(typeof value);

// An address may be typed by hand, or come from another version.
function readFilter(written) {
  try {
    const filter = JSON.parse(written);
    if (typeof filter?.column !== "string") return null;
    const { column, values, low, high, text } = filter;
    if (Array.isArray(values)) return { column, values: values.filter(isPlain) };
    if (typeof text === "string") return { column, text };
    const bounds = { column, low: isPlain(low) ? low : null, high: isPlain(high) ? high : null };
    return bounds.low === null && bounds.high === null ? null : bounds;
  } catch {
    return null;
  }
}

export const isAsking = (state) =>
  state.parts.length > 0 || state.kept.length > 0 || state.rejected.length > 0;

// Equal texts, equal lists of pictures: the threshold and what is open change none.
export function searchKey(state) {
  const { view, open, min, ...rest } = state;
  // Diverse hits are chosen among those above the threshold, so that it changes the choice.
  return JSON.stringify({
    ...rest,
    min: state.diversity ? min : null,
    view: isAsking(state) ? "" : view,
  });
}

export class Store {
  constructor(onChange) {
    this.onChange = onChange;
    this.now = stateOf(location.hash);
    this.address = addressOf(this.now);
    // Each answer knows its own place; the browser would put it where another one was.
    history.scrollRestoration = "manual";
    addEventListener("popstate", () => {
      this.isGoingBack = false;
      this.now = stateOf(location.hash);
      this.address = addressOf(this.now);
      this.onChange(this.now);
    });
  }

  // Each change is a step that "back" undoes, unless it replaces the one before. A step that only
  // opened a picture is known as such: closing undoes it, as long as nothing else came into it.
  set(changes, { isStep = true } = {}) {
    const next = { ...this.now, ...changes };
    const address = addressOf(next);
    if (address === this.address) return;
    this.address = address;
    const isSameSearch = searchKey(next) === searchKey(this.now);
    const opens = isSameSearch && next.open !== null && (isStep || Boolean(history.state?.opens));
    this.now = next;
    if (isStep) history.pushState({ opens }, "", address);
    else history.replaceState({ opens }, "", address);
    this.onChange(next);
  }

  // Going back takes a moment: a second press meanwhile must not go back further.
  // Without such a step (a link was followed, an opinion given) the picture is closed in its place.
  close() {
    if (this.isGoingBack) return;
    this.isGoingBack = Boolean(history.state?.opens);
    if (this.isGoingBack) history.back();
    else this.set({ open: null }, { isStep: false });
  }
}
