// Ways in for pictures and words: drop, paste, files, camera, the text field.

import { droppedFiles } from "./dropped.js";
import { h, isWriting, part } from "./dom.js";

const isPictureFile = (file) =>
  file.type.startsWith("image/") ||
  /\.(avif|bmp|gif|heic|heif|jpe?g|png|tiff?|webp)$/i.test(file.name);

// `onPictures` is called with files and "search" or "add"; `canAdd` says whether to offer that.
export class Inputs {
  constructor({ onPictures, onText, onWordless, onNothing, canAdd }) {
    Object.assign(this, { onPictures, onText, onWordless, onNothing, canAdd });
    this.cover = part("drop-cover");
    this.adding = h("input", { type: "file", accept: "image/*", multiple: true, hidden: true });
    document.body.append(this.adding);
    this.listenToFields();
    this.listenToDrops();
    document.addEventListener("paste", (event) => this.onPaste(event));
  }

  pick = () => part("files").click();

  pickToAdd = () => this.adding.click();

  listenToFields() {
    part("pick").addEventListener("click", this.pick);
    part("shoot").addEventListener("click", () => part("camera").click());
    for (const [input, wish] of [
      [part("files"), "search"],
      [part("camera"), "search"],
      [this.adding, "add"],
    ]) {
      input.addEventListener("change", () => {
        if (input.files.length) this.take([...input.files], wish);
        input.value = "";
      });
    }
    const field = part("text");
    // Keys that write, and not those that go on, or paste a picture.
    field.addEventListener("keydown", ({ key, ctrlKey, metaKey, altKey }) => {
      const isWord = key.length === 1 && !ctrlKey && !metaKey && !altKey;
      if (isWord && field.readOnly) this.onWordless();
    });
    field.addEventListener("click", () => field.readOnly && this.onWordless());
    part("ask").addEventListener("submit", (event) => {
      event.preventDefault();
      const text = part("text").value.trim();
      if (text) this.onText(text);
      part("text").value = "";
    });
  }

  take(files, wish) {
    const pictures = files.filter(isPictureFile);
    if (pictures.length) this.onPictures(pictures, wish);
    else this.onNothing("That is no picture. Drop a JPEG, PNG, WebP, HEIC, TIFF or GIF file.");
  }

  onPaste(event) {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length) {
      event.preventDefault();
      this.take(files, "search");
      return;
    }
    if (!isWriting(event.target) && !document.querySelector("dialog[open]")) {
      const text = event.clipboardData?.getData("text/plain").trim();
      if (text) this.onText(text.slice(0, 2000));
    }
  }

  // Entering and leaving is told for each element on the way: only the first and last count.
  listenToDrops() {
    let depth = 0;
    const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");
    const end = () => {
      depth = 0;
      this.cover.hidden = true;
    };
    addEventListener("dragenter", (event) => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      if (depth++ === 0) this.offer();
    });
    addEventListener("dragover", (event) => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      for (const choice of this.cover.children)
        choice.classList.toggle("over", choice.contains(event.target));
    });
    addEventListener("dragleave", () => {
      if (depth && --depth === 0) end();
    });
    addEventListener("drop", (event) => {
      if (!event.dataTransfer?.files.length) return end();
      event.preventDefault();
      const choice = event.target.closest?.("[data-wish]")?.dataset.wish ?? "search";
      end();
      droppedFiles(event.dataTransfer).then((files) => this.take(files, choice));
      return undefined;
    });
    addEventListener("keydown", (event) => event.key === "Escape" && end());
  }

  offer() {
    const choice = (wish, words, hint) =>
      h(
        "div",
        { class: "drop-choice", "data-wish": wish },
        h("strong", {}, words),
        h("span", {}, hint),
      );
    this.cover.replaceChildren(
      choice("search", "Search with it", "Several pictures become one query"),
      ...(this.canAdd()
        ? [choice("add", "Add to the gallery", "Copied to the server, and found from then on")]
        : []),
    );
    this.cover.hidden = false;
  }
}
