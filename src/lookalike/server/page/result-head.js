// Above the pictures: what they are, what they were filtered by, and how large they are drawn.

import { button, fill, h, isTouched, part, readable } from "./dom.js";
import { hasFilters, labelOf, withFilter } from "./filters.js";
import { giveLink } from "./linking.js";
import { canResize, resize } from "./shapes.js";

let head = null;

// Its buttons are made once: who presses one while an answer comes has it in hand.
export function showHead({ state, answer, grid, store, refine }) {
  const { told } = answer;
  const title = answer.isRanked
    ? titleOf(state)
    : hasFilters(state)
      ? "Filtered pictures"
      : "All pictures";
  const count = state.filters.length + (state.where ? 1 : 0) + (state.min !== null ? 1 : 0);
  head ??= new Head(store, refine);
  head.grid = grid;
  fill(
    head.words,
    h("h1", {}, title),
    h("p", { class: "quietly", title: secondsOf(told) }, readable(saidOf(answer))),
  );
  head.refine.lastChild.textContent = count ? `Refine · ${count}` : "Refine";
  head.showChips(state);
}

class Head {
  constructor(store, refine) {
    this.store = store;
    this.words = h("div", { class: "grow" });
    this.chips = null;
    this.refine = button("Refine", {
      sign: "refine",
      kind: "only-narrow",
      on: () => refine.unfold(),
    });
    const link = button("", {
      sign: "link",
      label: isTouched() ? "Share the link" : "Copy the link",
      kind: "quiet",
      on: () => giveLink(store.now),
    });
    fill(part("head"), this.words, this.sizes(), link, this.refine);
  }

  // A step that cannot be taken keeps its button, and with it the focus.
  sizes() {
    const step = (sign, label, way) =>
      button("", {
        sign,
        label,
        kind: "quiet",
        on: () => {
          if (!canResize(way)) return;
          resize(way);
          this.grid.resized();
          show();
        },
      });
    const steps = [
      [step("minus", "Smaller pictures", -1), -1],
      [step("plus", "Larger pictures", 1), 1],
    ];
    const show = () => {
      for (const [made, way] of steps) made.ariaDisabled = canResize(way) ? null : "true";
    };
    show();
    const name = "Size of the pictures";
    return h(
      "div",
      { class: "sizes", role: "group", "aria-label": name },
      steps.map(([made]) => made),
    );
  }

  showChips(state) {
    const written = JSON.stringify([state.filters, state.where]);
    if (written === this.written) return;
    this.written = written;
    this.chips?.remove();
    const made = chips(state, this.store);
    this.chips = made.length ? h("div", { class: "chips" }, made) : null;
    if (this.chips) part("head").append(this.chips);
  }
}

function saidOf({ told, took, isRanked, problem }) {
  const looking = problem ? "" : "Looking …";
  if (!told) return isRanked ? looking : "Newest first";
  const waited = took && isRanked ? ` · ${Math.max(1, Math.round(took))}\u00a0ms` : "";
  return `Best first by ${told.meaning}${waited}`;
}

function chips({ filters, where }, store) {
  const chip = (words, act) =>
    button(words, { sign: "close", kind: "chip", "aria-label": `${words}: take away`, on: act });
  const made = filters.map((filter) =>
    chip(labelOf(filter), () =>
      store.set({
        filters: withFilter(store.now.filters, { column: filter.column, values: [] }),
      }),
    ),
  );
  if (where) made.push(chip(where, () => store.set({ where: "" })));
  return made;
}

function titleOf({ parts, kept, rejected }) {
  if (!parts.length) return kept.length ? "More like these" : "Less like these";
  if (parts.length > 1 || kept.length || rejected.length) return "Pictures like this mix";
  const [only] = parts;
  if (only.kind === "text") return `“${only.value}”`;
  return only.weight < 0
    ? "Least like this"
    : only.region
      ? "Pictures like this region"
      : "Pictures like this";
}

function secondsOf(told) {
  if (!told?.seconds) return null;
  const stages = Object.entries(told.seconds).map(
    ([stage, seconds]) => `${stage} ${(1000 * seconds).toFixed(1)} ms`,
  );
  return stages.join(", ");
}
