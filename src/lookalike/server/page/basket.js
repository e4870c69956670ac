// The basket: pictures picked from anywhere in a gallery, kept while the tab is open, to take away.

import * as api from "./api.js";
import { button, counted, fill, h, icon, part, shownSize } from "./dom.js";
import { notice, progressNotice, tell, wrong } from "./notices.js";

const SHOWN = 200;
// What is there sooner is not worth a bar.
const PATIENCE_MS = 400;
const FORMS = [
  ["zip", "Pictures (zip)", "The original files"],
  ["sheet", "Contact sheet", "One JPEG to look at"],
  ["csv", "Table (csv)", "With all that is known"],
  ["json", "JSON", "For programs"],
  ["txt", "Paths (txt)", "One line each"],
];

export class Basket {
  constructor({ onChange, onSearch, onOpen }) {
    Object.assign(this, { onChange, onSearch, onOpen });
    this.ids = new Set();
    this.body = h("div", { class: "basket-body" });
    this.dialog = h(
      "dialog",
      { class: "panel-dialog", "aria-labelledby": "basket-title" },
      h(
        "header",
        { role: "none" },
        h("h2", { id: "basket-title" }, "Basket"),
        button("", { sign: "close", label: "Close", kind: "quiet", on: () => this.dialog.close() }),
      ),
      this.body,
    );
    this.dialog.addEventListener(
      "click",
      (event) => event.target === this.dialog && this.dialog.close(),
    );
    document.body.append(this.dialog);
    part("basket").addEventListener("click", () => this.open());
  }

  get key() {
    return `lookalike.basket.${this.gallery}`;
  }

  use(gallery) {
    if (gallery === this.gallery) return;
    this.gallery = gallery;
    try {
      this.ids = new Set(JSON.parse(sessionStorage.getItem(this.key) ?? "[]"));
    } catch {
      this.ids = new Set();
    }
    this.showCount();
  }

  has = (id) => this.ids.has(id);

  toggle(id) {
    if (!this.ids.delete(id)) this.ids.add(id);
    this.changed([id]);
    tell(
      `${this.ids.has(id) ? "Into" : "Out of"} the basket: ${counted(this.ids.size, "picture")} in it`,
    );
  }

  addAll(ids) {
    for (const id of ids) this.ids.add(id);
    this.changed(ids);
    notice(`${counted(ids.length, "picture")} put into the basket.`, { key: "basket" });
  }

  forget(id) {
    if (this.ids.delete(id)) this.changed([id]);
  }

  changed(ids) {
    try {
      sessionStorage.setItem(this.key, JSON.stringify([...this.ids]));
    } catch {
      // Full or forbidden: the basket lives as long as the page.
    }
    this.showCount();
    this.onChange(ids);
    if (this.dialog.open) this.show();
  }

  showCount() {
    const { size } = this.ids;
    const count = part("basket-count");
    count.hidden = !size;
    count.textContent = size > 999 ? "999+" : size;
    part("basket").setAttribute(
      "aria-label",
      size ? `Basket ${counted(size, "picture")}` : "Basket, empty",
    );
  }

  open() {
    this.show();
    this.dialog.showModal();
  }

  show() {
    const ids = [...this.ids];
    if (!ids.length) {
      fill(
        this.body,
        h(
          "p",
          { class: "hint" },
          "Nothing yet. Pick pictures with the tick in their corner, with the key b, or with the lasso on the map.",
        ),
      );
      return;
    }
    fill(
      this.body,
      h(
        "div",
        { class: "basket-head" },
        h("p", {}, counted(ids.length, "picture")),
        button("Search with them", {
          sign: "similar",
          kind: "small",
          on: () => {
            this.dialog.close();
            this.onSearch(ids);
          },
        }),
        button("Empty", { kind: "quiet small", on: () => this.empty() }),
      ),
      h(
        "ul",
        { class: "thumbs" },
        ids.slice(0, SHOWN).map((id) => this.thumb(id)),
      ),
      ids.length > SHOWN &&
        h("p", { class: "hint" }, `and ${(ids.length - SHOWN).toLocaleString("en")} more`),
      h("h3", {}, "Take them away"),
      h(
        "div",
        { class: "forms" },
        FORMS.map(([form, words, hint]) => this.formButton(form, words, hint)),
      ),
    );
  }

  thumb(id) {
    const take = () => this.forget(id);
    return h(
      "li",
      {},
      h(
        "button",
        {
          type: "button",
          class: "thumb",
          "aria-label": `Look at picture ${id}`,
          on: {
            click: () => {
              this.dialog.close();
              this.onOpen(id);
            },
          },
        },
        h("img", { src: api.thumbnail(this.gallery, id, 128), alt: "", loading: "lazy" }),
      ),
      h(
        "button",
        {
          type: "button",
          class: "drop-thumb",
          "aria-label": `Take picture ${id} out`,
          on: { click: take },
        },
        icon("close"),
      ),
    );
  }

  empty() {
    const ids = [...this.ids];
    this.ids.clear();
    this.changed(ids);
    notice("The basket is empty.", {
      key: "basket",
      act: { words: "Undo", act: () => this.addAll(ids) },
    });
  }

  formButton(form, words, hint) {
    return h(
      "button",
      {
        type: "button",
        class: "form-choice",
        "data-form": form,
        on: { click: (event) => this.take(form, words, event.currentTarget) },
      },
      icon("download"),
      h("strong", {}, words),
      h("span", {}, hint),
    );
  }

  // Meanwhile the basket may change, and be another gallery's.
  async take(form, words, pressed) {
    const { gallery } = this;
    const ids = [...this.ids];
    pressed.disabled = true;
    pressed.classList.add("busy");
    const stopping = new AbortController();
    const { signal } = stopping;
    let bar = null;
    const timer = setTimeout(() => {
      bar = progressNotice(words, () => stopping.abort());
    }, PATIENCE_MS);
    const onBytes = (bytes) => bar?.show(null, `${words} · ${shownSize(bytes)}`);
    try {
      const blob = await api.exported(gallery, ids, form, { signal, onBytes });
      save(blob, `${gallery}-${ids.length}.${form === "sheet" ? "jpg" : form}`);
    } catch (error) {
      wrong(error, "export");
    } finally {
      clearTimeout(timer);
      bar?.close();
      pressed.disabled = false;
      pressed.classList.remove("busy");
    }
  }
}

function save(blob, name) {
  const address = URL.createObjectURL(blob);
  const link = h("a", { href: address, download: name, hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
