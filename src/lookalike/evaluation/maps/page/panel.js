// Beside the map: search, what the points are coloured by, the legend that filters, the odd ones.

import { shownNumber } from "./data.js";
import { mixed } from "./map.js";

const MOST_ODD = 24;
const PATIENCE_MS = 120;
// Of a name that is longer, so many letters at its end are always shown.
const MOST_TAIL = 12;

export class Panel {
  constructor(root, data) {
    this.data = data;
    this.part = (name) => root.querySelector(`[data-part="${name}"]`);
    this.column = data.columns[0];
    this.picked = new Set();
    this.range = [0, 1];
    this.words = "";
    this.lowered = null;
  }

  // The map is made after the panel, whose width it has to know.
  attach(map) {
    this.map = map;
    this.part("title").textContent = this.data.title;
    this.part("remarks").replaceChildren(
      ...this.data.remarks.map((remark) => element("p", {}, remark)),
    );
    this.fillColumns();
    this.fillOdd();
    this.listen();
    this.showLegend();
    this.count();
  }

  listen() {
    const search = this.part("search");
    let waiting = 0;
    search.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => {
        this.words = search.value.trim().toLowerCase();
        this.apply();
      }, PATIENCE_MS);
    });
    search.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.showNext();
    });
    this.part("columns").addEventListener("change", (event) => {
      this.column = this.data.columns[Number(event.target.value)];
      this.picked.clear();
      this.range = [0, 1];
      this.showLegend();
      this.map.colourBy(this.column);
      this.apply();
    });
    for (const name of ["names", "outliers", "pictures"]) {
      this.part(name).addEventListener("change", (event) => {
        this.map.options[name] = event.target.checked;
        this.map.soon();
      });
    }
    this.part("all").addEventListener("click", () => this.reset());
    this.part("frame").addEventListener("click", () => this.map.fitPicked());
  }

  fillColumns() {
    this.part("columns").replaceChildren(
      ...this.data.columns.map((column, at) => element("option", { value: at }, column.title)),
    );
  }

  reset() {
    this.picked.clear();
    this.range = [0, 1];
    this.words = this.part("search").value = "";
    this.showLegend();
    this.apply();
  }

  // Hands the points that search and legend leave over to the map.
  apply() {
    const { column, picked, words, range } = this;
    const tests = [];
    if (words) tests.push((point) => this.nameOf(point).includes(words));
    if (column.kind === "category" && picked.size) {
      tests.push((point) => picked.has(column.codes[point]));
    }
    if (column.kind !== "category" && (range[0] > 0 || range[1] < 1)) {
      const [low, high] = range.map((share) => this.atShare(share));
      tests.push((point) => column.values[point] >= low && column.values[point] <= high);
    }
    this.map.filter(tests.length ? (point) => tests.every((test) => test(point)) : null);
    this.count();
  }

  nameOf(point) {
    this.lowered ??= this.data.names.map((name, at) =>
      (this.data.folderNameOf(at) + this.data.separator + name).toLowerCase(),
    );
    return this.lowered[point];
  }

  count() {
    const { shown, data } = this.map;
    const all = data.count.toLocaleString("en");
    this.part("count").textContent = this.map.isFiltered
      ? `${shown.toLocaleString("en")} of ${all} pictures`
      : `${all} ${data.count === 1 ? "picture" : "pictures"}`;
    this.part("all").hidden = this.part("frame").hidden = !this.map.isFiltered;
  }

  // Enter in the search field goes from one picture that was found to the next.
  showNext() {
    const { map, data } = this;
    for (let step = 1; step <= data.count; step++) {
      const point = (map.selected + step + data.count) % data.count;
      if (map.isPicked(point)) return map.show(point);
    }
    return undefined;
  }

  showLegend() {
    const legend = this.part("legend");
    this.part("legend-head").hidden = !this.column.shares;
    if (this.column.kind === "category") legend.replaceChildren(...this.valueButtons());
    else legend.replaceChildren(...this.rangeInputs());
  }

  valueButtons() {
    const { column } = this;
    const buttons = column.values.map((value, code) => {
      const share = column.shares?.[code];
      const count = column.counts[code].toLocaleString("en");
      const told = typeof share === "number" ? `${Math.round(100 * share)} %` : "";
      const button = element(
        "button",
        {
          type: "button",
          title: value,
          "aria-pressed": this.picked.has(code),
          "aria-label": [value, told, count].filter(Boolean).join(", "),
        },
        "",
      );
      const swatch = element("span", { class: "swatch" }, "");
      swatch.style.background = column.shades[code];
      // What is seen is read with the same words between the same spaces.
      button.append(swatch, bothEnds(value));
      if (told) {
        const title = "share of this cluster's most frequent label";
        button.append(" ", element("span", { class: "share", title }, told));
      }
      button.append(" ", element("span", { class: "number" }, count));
      button.addEventListener("click", () => {
        if (!this.picked.delete(code)) this.picked.add(code);
        button.setAttribute("aria-pressed", this.picked.has(code));
        this.apply();
      });
      return button;
    });
    return buttons;
  }

  rangeInputs() {
    const { column } = this;
    const stops = this.data.ramp.map((_, at) => mixed(this.data.ramp, at / (this.data.ramp.length - 1)));
    const bar = element("div", { class: "ramp" }, "");
    bar.style.background = `linear-gradient(to right, ${stops.join(", ")})`;
    const inputs = ["from", "to"].map((name, at) => {
      const input = element("input", { type: "range", min: 0, max: 100, value: 100 * at }, "");
      const shown = element("output", {}, shownNumber(column, this.atShare(at)));
      input.addEventListener("input", () => {
        this.range[at] = Number(input.value) / 100;
        shown.textContent = shownNumber(column, this.atShare(this.range[at]));
        this.apply();
      });
      const label = element("label", { class: "range" }, name);
      label.append(input, shown);
      return label;
    });
    return [bar, ...inputs];
  }

  // The number at a share of the whole range: the ramp's ends leave out the farthest few.
  atShare(share) {
    const { least, most } = this.column;
    return share <= 0 ? least : share >= 1 ? most : least + share * (most - least);
  }

  fillOdd() {
    const odd = [...this.data.outliers.subarray(0, MOST_ODD)];
    this.part("odd").hidden = !odd.length;
    this.part("odd-list").replaceChildren(
      ...odd.map((point) => {
        const name = this.data.names[point];
        const button = element("button", { type: "button", title: this.data.path(point) }, "");
        const small = this.data.thumbnail(point);
        if (small) button.append(element("img", { src: small, alt: name, loading: "lazy" }, ""));
        else button.append(name);
        button.addEventListener("click", () => this.map.show(point));
        return button;
      }),
    );
  }
}

// Where there is no room for a name it is cut in the middle, by the head's own ellipsis.
function bothEnds(name) {
  const letters = [...name];
  const tail = letters.length > MOST_TAIL ? letters.splice(-MOST_TAIL).join("") : "";
  const value = element("span", { class: "value" }, "");
  value.append(element("span", { class: "head" }, letters.join("")));
  if (tail) value.append(element("span", { class: "tail" }, tail));
  return value;
}

export function element(name, attributes, text) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text) made.textContent = text;
  return made;
}
