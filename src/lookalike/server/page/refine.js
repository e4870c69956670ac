// Beside the pictures: the threshold, filters by the known columns, and more.

import { button, counted, fill, h, isWriting, part } from "./dom.js";
import { facet, facetColumns } from "./facets.js";
import { hasFilters, withFilter } from "./filters.js";
import { canChooseBest } from "./searching.js";
import { isAsking } from "./state.js";

export class Refine {
  constructor({ store, onThreshold }) {
    Object.assign(this, { store, onThreshold });
    this.box = part("refine");
    this.opened = new Set();
    this.scale = null;
    this.problem = null;
  }

  show(state, gallery) {
    this.gallery = gallery;
    const isNeeded =
      state.view !== "map" && (isAsking(state) || state.view === "all" || hasFilters(state));
    this.box.hidden = !isNeeded || !gallery?.images;
    if (this.box.hidden) return;
    const { min, open, view, ...rest } = state;
    const asked = JSON.stringify([rest, isAsking(state), this.problem]);
    const written = asked + JSON.stringify(gallery.columns);
    // What the gallery takes in meanwhile must not take away what somebody is just writing.
    const isBusy = asked === this.asked && this.box.contains(writtenIn());
    if (written === this.written || isBusy) return this.showThreshold(state);
    Object.assign(this, { asked, written });
    const focused = document.activeElement?.dataset?.focus;
    this.noteOpened();
    fill(
      this.box,
      this.headOf(state),
      isAsking(state) && this.threshold(),
      h("div", { class: "facets" }, this.facets(state)),
      this.more(state),
    );
    this.showThreshold(state);
    if (focused) this.box.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus();
    return undefined;
  }

  // What was opened, or closed, just now: its event comes later than what is drawn anew.
  noteOpened() {
    for (const { open, firstElementChild: summary } of this.box.querySelectorAll("details"))
      this.opened[open ? "add" : "delete"](summary.dataset.focus.replace(/^facet-/, ""));
  }

  headOf(state) {
    const reset = () =>
      this.store.set({
        filters: [],
        where: "",
        min: null,
        group: "",
        diversity: 0,
        isWithoutCopies: false,
      });
    const isAny = hasFilters(state) || state.group || state.diversity || state.isWithoutCopies;
    return h(
      "div",
      { class: "refine-head" },
      h("h2", {}, "Refine"),
      isAny && button("Reset", { kind: "quiet small", on: reset }),
      button("", {
        sign: "close",
        label: "Close",
        kind: "quiet only-narrow",
        on: () => this.fold(),
      }),
    );
  }

  // On a phone this is a sheet that covers the pictures.
  unfold() {
    this.returnTo = document.activeElement;
    this.cover(true);
    this.box.querySelector("input, button, summary")?.focus();
  }

  // Nothing else can be reached then, and a touch of it only closes the sheet.
  cover(isCovered) {
    document.documentElement.classList.toggle("refining", isCovered);
    for (const other of [part("results"), part("query"), part("ask").parentElement])
      other.inert = isCovered;
    this.box.toggleAttribute("data-sheet", isCovered);
    if (isCovered) this.box.setAttribute("role", "dialog");
    else this.box.removeAttribute("role");
    this.box.ariaModal = isCovered ? "true" : null;
    const change = isCovered ? "addEventListener" : "removeEventListener";
    // Not for the press that opens it, which is on its way up.
    document[change]("click", this.onOutside, { capture: true });
  }

  onOutside = (event) => {
    // What was pressed may be gone by now: it was written anew.
    if (event.target.isConnected && !this.box.contains(event.target)) this.fold();
  };

  fold() {
    if (!this.box.hasAttribute("data-sheet")) return false;
    this.cover(false);
    if (this.returnTo?.isConnected) this.returnTo.focus();
    else part("head").querySelector(".only-narrow")?.focus();
    return true;
  }

  threshold() {
    this.output = h("output", { id: "threshold-told", "aria-live": "off" });
    this.slider = h("input", {
      type: "range",
      "data-focus": "threshold",
      "aria-label": "Score at least",
      on: {
        input: () => this.onThreshold(this.chosen(), false),
        change: () => this.onThreshold(this.chosen(), true),
      },
    });
    return h(
      "label",
      { class: "field threshold" },
      h("span", { class: "label" }, "Score at least", this.output),
      this.slider,
    );
  }

  // The lowest place of the slider means: everything.
  chosen() {
    const value = Number(this.slider.value);
    return value <= Number(this.slider.min) ? null : value;
  }

  // The slider runs over the scores that were found; none before there are some.
  showScale(found, counts = null) {
    this.scale = found && {
      low: Math.floor(found.low * 100) / 100,
      high: Math.ceil(found.high * 100) / 100,
    };
    this.counts = counts;
    this.showThreshold(this.store.now);
  }

  showThreshold({ min }) {
    if (!this.slider?.isConnected) return;
    const { low, high } = this.scale ?? { low: 0, high: 1 };
    this.slider.disabled = !this.scale;
    this.slider.min = Math.min(low, min ?? low);
    this.slider.max = Math.max(high, min ?? high);
    this.slider.step = high - low > 0.3 ? 0.01 : 0.005;
    if (this.slider !== document.activeElement || min === null)
      this.slider.value = min ?? this.slider.min;
    this.tellThreshold(min);
  }

  tellThreshold(min) {
    const shown = this.counts ? this.counts(min) : null;
    const many =
      shown === null || min === null
        ? ""
        : ` · ${counted(shown.count, "picture")}${shown.isOpen ? " or more" : ""}`;
    this.output.textContent = min === null ? "any" : `${min.toFixed(2)}${many}`;
    this.slider.setAttribute("aria-valuetext", this.output.textContent);
  }

  facets(state) {
    const change = (filter) => {
      this.problem = null;
      this.store.set({ filters: withFilter(this.store.now.filters, filter) });
    };
    return facetColumns(this.gallery.columns).map((column) => {
      const filter = state.filters.find((each) => each.column === column.name);
      return facet(column, filter, { change, opened: this.opened });
    });
  }

  more(state) {
    const names = this.gallery.columns
      .map((column) => column.name)
      .filter((name) => !["image_id", "path"].includes(name));
    const set = (changes) => this.store.set(changes);
    const group = h(
      "select",
      { "data-focus": "group", on: { change: (event) => set({ group: event.target.value }) } },
      h("option", { value: "" }, "—"),
      names.map((name) => h("option", { value: name, selected: name === state.group }, name)),
    );
    const spread = h("input", {
      type: "range",
      min: "0",
      max: "1",
      step: "0.1",
      value: state.diversity,
      "data-focus": "diversity",
      "aria-label": "Variety",
      on: { change: () => set({ diversity: Number(spread.value) }) },
    });
    const asking = isAsking(state);
    const content = [
      asking &&
        h("label", { class: "field" }, h("span", { class: "label" }, "The best of each"), group),
      asking &&
        h(
          "label",
          { class: "field" },
          h(
            "span",
            { class: "label" },
            "Variety",
            h("output", { "aria-live": "off" }, state.diversity ? state.diversity.toFixed(1) : "none"),
          ),
          spread,
        ),
      asking && this.claim("Leave out exact copies of the query", "isWithoutCopies", state),
      asking &&
        canChooseBest(state) &&
        this.claim("As like any one of the pictures, not their mean", "isBest", state),
      this.where(state),
    ];
    return h(
      "details",
      {
        class: "facet more",
        open: this.opened.has("more") || Boolean(state.where || this.problem),
        on: { toggle: (event) => this.opened[event.target.open ? "add" : "delete"]("more") },
      },
      h("summary", { "data-focus": "more" }, h("span", { class: "grow" }, "More")),
      h("div", { class: "facet-body" }, content),
    );
  }

  claim(words, key, state) {
    const input = h("input", {
      type: "checkbox",
      checked: state[key],
      "data-focus": key,
      on: { change: () => this.store.set({ [key]: input.checked }) },
    });
    return h("label", { class: "check" }, input, h("span", {}, words));
  }

  where(state) {
    const input = h("textarea", {
      rows: "2",
      spellcheck: "false",
      autocapitalize: "off",
      placeholder: "label = 'cat' AND width > 800",
      "data-focus": "where",
      "aria-invalid": String(Boolean(this.problem)),
      "aria-describedby": "where-problem",
      on: {
        change: () => this.store.set({ where: input.value.trim() }),
        keydown: (event) => {
          if (event.key !== "Enter" || event.shiftKey) return;
          event.preventDefault();
          this.store.set({ where: input.value.trim() });
        },
      },
    });
    input.value = state.where;
    return h(
      "label",
      { class: "field" },
      h("span", { class: "label" }, "Filter in words"),
      input,
      h("span", { class: "wrong", id: "where-problem", role: "alert" }, this.problem ?? ""),
    );
  }

  // The server's own sentence about a filter, beside the field it is about.
  complain(sentence) {
    this.problem = sentence;
    this.show(this.store.now, this.gallery);
  }
}

// The field that somebody writes in, if any.
const writtenIn = () => (isWriting(document.activeElement) ? document.activeElement : null);
