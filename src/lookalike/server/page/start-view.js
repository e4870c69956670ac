// Before anything is asked: where to drop a picture, and a few of the gallery to start with.

import * as api from "./api.js";
import { button, counted, h, icon, isTouched, nameOf, part, readable } from "./dom.js";
import { ratioOf } from "./shapes.js";

const SHOWN = 9;

export class StartView {
  constructor({ onPick, onSearch, onBrowse, onAdd }) {
    Object.assign(this, { onPick, onSearch, onBrowse, onAdd });
    this.row = h("div", { class: "row" });
    this.gallery = null;
  }

  // What is there already stays, with the focus that may be on it.
  show(box, gallery, canAdd) {
    const written = JSON.stringify([gallery.name, gallery.images, gallery.has_text, canAdd]);
    if (written === this.written && this.box?.parentElement === box) {
      this.fillEmpty(gallery);
      return;
    }
    this.written = written;
    this.box = this.made(gallery, canAdd);
    box.replaceChildren(this.box);
  }

  made(gallery, canAdd) {
    const isEmpty = gallery.images === 0;
    const words = isEmpty
      ? "This gallery is empty"
      : isTouched()
        ? "Search with a picture"
        : "Drop a picture here";
    const hints = isEmpty
      ? canAdd
        ? isTouched()
          ? "Choose pictures, or take some, to add them."
          : "Drop pictures to add them."
        : "Index a folder to fill it: lookalike index FOLDER."
      : hintOf(gallery);
    const zone = h(
      "div",
      { class: "zone" },
      h("span", { class: "stack", "aria-hidden": "true" }, h("i"), h("i"), icon("picture")),
      h("h1", {}, words),
      h("p", {}, hints),
      h(
        "div",
        { class: "zone-buttons" },
        !isEmpty && button("Choose a picture", { kind: "primary", on: this.onPick }),
        !isEmpty &&
          isTouched() &&
          button("Take a photo", { sign: "camera", on: () => part("shoot").click() }),
        isEmpty &&
          canAdd &&
          button("Add pictures", { kind: "primary", sign: "add", on: this.onAdd }),
      ),
    );
    const begin = h(
      "div",
      { class: "begin", hidden: isEmpty },
      h(
        "div",
        { class: "begin-head" },
        h("h2", {}, "Or start with one of these"),
        button("Others", { sign: "shuffle", kind: "quiet small", on: () => this.fill(gallery) }),
        button(`Browse all ${counted(gallery.images, "picture")}`, {
          kind: "quiet small",
          on: this.onBrowse,
        }),
      ),
      this.row,
    );
    this.fillEmpty(gallery);
    return h("div", { class: "start" }, zone, begin);
  }

  fillEmpty(gallery) {
    const isFull = this.gallery === gallery.name && (this.filling || this.row.childElementCount);
    if (gallery.images && !isFull) this.fill(gallery);
  }

  // Some from all over the gallery: its newest would often all be of one folder.
  async fill(gallery) {
    if (this.gallery !== gallery.name) this.row.replaceChildren();
    this.gallery = gallery.name;
    const seed = Math.floor(Math.random() * 2 ** 31);
    const asked = { order: "sample", limit: SHOWN, seed };
    // What is on its way already fills the row, too.
    this.filling?.abort();
    const filling = (this.filling = new AbortController());
    const told = await api.images(gallery.name, asked, filling.signal).catch(() => null);
    if (this.filling !== filling) return;
    this.filling = null;
    if (told === null) return;
    this.row.replaceChildren(...told.images.map((image) => this.one(gallery.name, image)));
  }

  one(gallery, image) {
    const side = (devicePixelRatio || 1) > 1.3 ? 256 : 128;
    return h(
      "button",
      {
        type: "button",
        class: "starter",
        vars: { "--ratio": ratioOf(image) },
        "aria-label": `Search with ${readable(nameOf(image.path))}`,
        on: { click: () => this.onSearch(image) },
      },
      h("img", {
        src: api.thumbnail(gallery, image.image_id, side, image.content_hash),
        alt: "",
        draggable: "false",
      }),
    );
  }
}

function hintOf({ has_text: hasText }) {
  const others = isTouched()
    ? hasText
      ? "or type above what it shows. "
      : ""
    : `or paste one${hasText ? ", or type above what it shows" : ""}. `;
  return `${others}${others ? "It" : "Your picture"} is not kept by the server.`;
}
