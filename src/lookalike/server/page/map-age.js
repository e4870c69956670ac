// What has changed since the map was drawn, in one quiet line, with what to do about it.

import { button, counted, h } from "./dom.js";

export class MapAge {
  // `stale` is what the server counted at `generation`; `make` has the map drawn again.
  constructor({ stale, generation, make, canWrite }) {
    Object.assign(this, { generation, make, canWrite });
    this.counts = { ...stale };
    this.words = h("p", {});
    this.box = h("div", { class: "map-age", role: "status", hidden: true }, this.words);
    const close = () => this.box.remove();
    if (canWrite) this.box.append(this.again());
    this.box.append(button("", { sign: "close", label: "Close", kind: "quiet small", on: close }));
    this.show();
  }

  again() {
    const pressed = button("Draw it again", {
      kind: "small",
      on: () => {
        pressed.disabled = true;
        this.make().finally(() => (pressed.disabled = false));
      },
    });
    return pressed;
  }

  // The map itself is not asked for at each change: how many more, or fewer, there are is known.
  follow({ generation, images }) {
    if (generation < this.generation) return;
    const more = images - (this.images ?? images);
    this.images = images;
    this.counts[more > 0 ? "added" : "removed"] += Math.abs(more);
    this.show();
  }

  show() {
    const { added, removed, changed } = this.counts;
    const told = [
      added && `${counted(added, "newer picture")} ${added > 1 ? "are" : "is"} not on this map`,
      removed && `${removed.toLocaleString("en")} on it ${removed > 1 ? "are" : "is"} gone`,
      changed && `${changed.toLocaleString("en")} on it ${changed > 1 ? "have" : "has"} changed`,
    ].filter(Boolean);
    this.box.hidden = !told.length;
    const who = this.canWrite ? "" : " Who may add pictures can have it drawn again.";
    const words = told.length ? `${told.join(", ")}.${who}` : "";
    if (this.words.textContent !== words) this.words.textContent = words;
  }
}
