// Above the pictures: what they are, what they were filtered by, and how large they are drawn.

import { button, fill, h, isTouched, part, readable } from "./dom.js";
import { hasFilters, labelOf, withFilter } from "./filters.js";
import { giveLink } from "./linking.js";
import { canResize, resize } from "./shapes.js";

export function showHead({ state, answer, grid, store, refine }) {
  const { told } = answer;
  const title = answer.isRanked
    ? titleOf(state)
    : hasFilters(state)
      ? "Filtered pictures"
      : "All pictures";
  const count = state.filters.length + (state.where ? 1 : 0) + (state.min !== null ? 1 : 0);
  const focused = part("head").contains(document.activeElement)
    ? document.activeElement.dataset.focus
    : null;
  fill(
    part("head"),
    h(
      "div",
      { class: "grow" },
      h("h1", {}, title),
      h("p", { class: "quietly", title: secondsOf(told) }, readable(saidOf(answer))),
    ),
    sizes(grid),
    button("", {
      sign: "link",
      label: isTouched() ? "Share the link" : "Copy the link",
      kind: "quiet",
      "data-focus": "link",
      on: () => giveLink(store.now),
    }),
    button(count ? `Refine · ${count}` : "Refine", {
      sign: "refine",
      kind: "only-narrow",
      on: () => refine.unfold(),
    }),
    chips(state, store),
  );
  if (focused) part("head").querySelector(`[data-focus="${focused}"]`)?.focus();
}

function saidOf({ told, took, isRanked, problem }) {
  const looking = problem ? "" : "Looking …";
  if (!told) return isRanked ? looking : "Newest first";
  const waited = took && isRanked ? ` · ${Math.max(1, Math.round(took))}\u00a0ms` : "";
  return `Best first by ${told.meaning}${waited}`;
}

// A step that cannot be taken keeps its button, and with it the focus.
function sizes(grid) {
  const box = h("div", { class: "sizes", role: "group", "aria-label": "Size of the pictures" });
  const step = (sign, label, way) =>
    button("", {
      sign,
      label,
      kind: "quiet",
      "data-focus": `size-${sign}`,
      on: () => {
        if (!canResize(way)) return;
        resize(way);
        grid.resized();
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
  box.append(...steps.map(([made]) => made));
  return box;
}

function chips(state, store) {
  const chip = (words, act) =>
    button(words, { sign: "close", kind: "chip", "aria-label": `${words}: take away`, on: act });
  const made = state.filters.map((filter) =>
    chip(labelOf(filter), () =>
      store.set({ filters: withFilter(state.filters, { column: filter.column, values: [] }) }),
    ),
  );
  if (state.where) made.push(chip(state.where, () => store.set({ where: "" })));
  return made.length > 0 && h("div", { class: "chips" }, made);
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
