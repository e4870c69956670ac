// One column of a gallery as something to choose from: values, a range, or part of a text.

import { h } from "./dom.js";
import { labelOf, shownColumn } from "./filters.js";

// Names of files are searched, the rest of these says nothing to people.
const HIDDEN = new Set(["image_id", "content_hash", "source_id", "path"]);
const LAST = [
  "folder",
  "name",
  "format",
  "taken",
  "camera",
  "width",
  "height",
  "size_bytes",
  "latitude",
  "longitude",
  "indexed_at",
];
// More numbers than these are a range.
const MOST_NUMBERS = 12;

// What a gallery's pictures tell themselves comes first, what every file has later.
export function facetColumns(columns) {
  const place = ({ name }) => LAST.indexOf(name);
  return columns
    .filter((column) => !HIDDEN.has(column.name) && tells(column))
    .sort((a, b) => place(a) - place(b));
}

// A column of one value, or none, tells no picture from another.
function tells({ images, values, min, max }) {
  if (images === 0) return false;
  if (Array.isArray(values)) return values.length > 1;
  return min === undefined || min === null || min !== max;
}

export function facet(column, filter, { change, opened }) {
  const isOpen = opened.has(column.name) || Boolean(filter);
  const made = h(
    "details",
    {
      class: "facet",
      open: isOpen,
      on: { toggle: () => opened[made.open ? "add" : "delete"](column.name) },
    },
    h(
      "summary",
      { "data-focus": `facet-${column.name}` },
      h("span", { class: "grow" }, shownColumn(column.name)),
      filter && h("span", { class: "chosen" }, chosenWords(filter)),
    ),
    h("div", { class: "facet-body" }, fields(column, filter, change)),
  );
  return made;
}

const chosenWords = (filter) =>
  labelOf(filter)
    .replace(`${shownColumn(filter.column)}: `, "")
    .replace(`${shownColumn(filter.column)} `, "");

function fields(column, filter, change) {
  const isList =
    Array.isArray(column.values) &&
    (column.kind !== "number" || column.values.length <= MOST_NUMBERS);
  if (isList) return values(column, filter, change);
  if (column.kind === "number") return range(column, filter, change, "number");
  if (column.kind === "moment") return range(column, filter, change, "date");
  return text(column, filter, change);
}

function values(column, filter, change) {
  const chosen = new Set(filter?.values ?? []);
  return h(
    "div",
    { class: "values", role: "group", "aria-label": shownColumn(column.name) },
    inOrder(column).map((value) => {
      const input = h("input", {
        type: "checkbox",
        checked: chosen.has(value),
        "data-focus": `${column.name}=${value}`,
        on: {
          change: () => {
            chosen[input.checked ? "add" : "delete"](value);
            change({ column: column.name, values: [...chosen] });
          },
        },
      });
      return h("label", { class: "check" }, input, h("span", { class: "grow" }, String(value)));
    }),
  );
}

// The most frequent come first, but for numbers, where people look for an order.
const inOrder = ({ kind, values }) =>
  kind === "number" ? [...values].sort((a, b) => a - b) : values;

function range(column, filter, change, type) {
  const isDate = type === "date";
  const written = (value) =>
    value === undefined || value === null ? "" : isDate ? String(value).slice(0, 10) : value;
  const bound = (key, words, hint) =>
    h("input", {
      type,
      value: written(filter?.[key]),
      min: written(column.min),
      max: written(column.max),
      step: isDate ? null : "any",
      placeholder: isDate ? null : String(hint ?? ""),
      "aria-label": `${shownColumn(column.name)} ${words}`,
      "data-focus": `${column.name}-${key}`,
      on: { change: () => change(told()) },
    });
  const [low, high] = [bound("low", "from", column.min), bound("high", "to", column.max)];
  const read = (input, end) => {
    if (input.value === "") return null;
    // A day ends with its last second.
    return isDate ? input.value + end : Number(input.value);
  };
  const told = () => ({ column: column.name, low: read(low, ""), high: read(high, "T23:59:59Z") });
  return h("div", { class: "range-fields" }, low, h("span", { class: "quietly" }, "to"), high);
}

function text(column, filter, change) {
  const examples = column.examples ?? [];
  const hint = examples.length ? `${examples.slice(0, 2).join(", ")} …` : "contains …";
  const input = h("input", {
    type: "search",
    value: filter?.text ?? "",
    placeholder: hint,
    autocomplete: "off",
    "aria-label": `${shownColumn(column.name)} contains`,
    "data-focus": `${column.name}-text`,
    on: { change: () => change({ column: column.name, text: input.value.trim() }) },
  });
  return input;
}
