// The parts of the map's view, by the names that the map's own modules look for.

import { button, h } from "./dom.js";

export function markup() {
  const named = (name, part, rest = {}, ...children) =>
    h(name, { "data-part": part, ...rest }, ...children);
  const check = (part, words, checked) =>
    h("label", {}, named("input", part, { type: "checkbox", checked }), words);
  const label =
    "Map of pictures. Arrow keys move, plus and minus magnify, Shift and arrow keys go from picture to picture, Enter opens, l draws a lasso.";
  return [
    h("h1", { class: "unseen" }, "Map"),
    named("div", "stage", {
      class: "stage",
      tabindex: "0",
      role: "application",
      "aria-label": label,
    }),
    named(
      "section",
      "panel",
      { class: "panel", "aria-label": "Legend and search" },
      h(
        "header",
        {},
        named("h2", "title"),
        named(
          "button",
          "fold",
          {
            type: "button",
            class: "fold quiet",
            "aria-expanded": "true",
            "aria-label": "Legend and search",
          },
          "☰",
        ),
      ),
      h(
        "div",
        { class: "body" },
        named("div", "remarks", { class: "remarks" }),
        h(
          "label",
          { class: "field" },
          "Search by name",
          named("input", "search", {
            type: "search",
            autocomplete: "off",
            spellcheck: "false",
            placeholder: "part of a name or folder",
          }),
        ),
        h(
          "p",
          { class: "found" },
          named("output", "count"),
          named(
            "button",
            "frame",
            { type: "button", class: "small", hidden: true },
            "Zoom to them",
          ),
          named("button", "all", { type: "button", class: "small", hidden: true }, "Show all"),
        ),
        h("label", { class: "field" }, "Colour by", named("select", "columns")),
        named(
          "p",
          "legend-head",
          { class: "legend-head", hidden: true },
          "share of the most frequent label · pictures",
        ),
        named("div", "legend", {
          class: "legend",
          role: "group",
          "aria-label": "Legend: choose what to show",
        }),
        h(
          "div",
          { class: "choices" },
          check("names", "Names", true),
          check("pictures", "Pictures", false),
          check("outliers", "Rings: least alike", true),
        ),
        named(
          "details",
          "odd",
          {},
          h("summary", {}, "Least like any other"),
          named("div", "odd-list", { class: "odd" }),
        ),
      ),
    ),
    h(
      "nav",
      { class: "zoom", "aria-label": "Magnify and choose" },
      button("", {
        sign: "lasso",
        label: "Lasso: draw around pictures (l)",
        "data-part": "lasso",
        "aria-pressed": "false",
      }),
      button("", { sign: "plus", label: "Nearer", "data-part": "nearer" }),
      button("", { sign: "minus", label: "Farther", "data-part": "farther" }),
      button("", { sign: "region", label: "The whole map", "data-part": "whole" }),
    ),
    named("div", "chosen", {
      class: "chosen-bar",
      role: "group",
      "aria-label": "Chosen pictures",
      hidden: true,
    }),
    named(
      "aside",
      "card",
      { class: "point-card", hidden: true },
      named("img", "small", { alt: "" }),
      named("p", "name", { class: "name" }),
      named("dl", "values", { class: "facts" }),
      named("button", "open", { type: "button", hidden: true }, "Look closer"),
    ),
  ];
}
