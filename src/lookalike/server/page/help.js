// The keys, and what a score is.

import { button, h } from "./dom.js";

const KEYS = [
  ["/", "to the text field"],
  ["← ↑ → ↓", "from picture to picture"],
  ["Enter", "look closer"],
  ["s", "find similar, in the closer look"],
  ["+ −", "more, less like this"],
  ["b", "into the basket, or out of it"],
  ["Shift + b", "all from the last one to this; Shift + click, too"],
  ["Ctrl + click", "into the basket, or out of it"],
  ["r", "search a region, in the closer look"],
  ["a · m", "all pictures, the map"],
  ["Ctrl + V", "search with the picture on the clipboard"],
  ["Esc", "close, back"],
  ["?", "this"],
];

export function openHelp(extra = null) {
  const dialog = h(
    "dialog",
    { class: "panel-dialog help", "aria-labelledby": "help-title" },
    h(
      "header",
      { role: "none" },
      h("h2", { id: "help-title" }, "Keys and help"),
      button("", { sign: "close", label: "Close", kind: "quiet", on: () => dialog.close() }),
    ),
    h(
      "dl",
      { class: "keys" },
      KEYS.map(([key, words]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, words)]),
    ),
    h("h3", {}, "What the scores say"),
    h(
      "p",
      {},
      "A score is the cosine between what two pictures show, as the gallery's encoder sees it: 1 for the same picture, around 0 for unrelated ones. Bars run over the scores in sight, so that near ones can be told apart; the number is the score itself.",
    ),
    h("h3", {}, "What happens to your pictures"),
    h(
      "p",
      {},
      "A picture you search with is sent to this server, answered, and not kept there. The address bar holds the whole search, so that links, reload and back work; it names pictures of the gallery, never the contents of yours.",
    ),
    extra,
  );
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
}
