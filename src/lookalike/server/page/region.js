// A box on a picture, drawn by mouse, pen or finger, or moved by keys. Fractions of the picture.

import { h } from "./dom.js";

const STEP = 0.02;
const LEAST = 0.04;
const FIRST = [0.25, 0.25, 0.5, 0.5];

export class Region {
  // `onChange` is called with the box, or null, when a hand is off it; `onEnter` by the key.
  constructor(
    picture,
    { box = null, onChange = () => {}, onEnter = () => {}, onClick = null, isTouchable = true },
  ) {
    Object.assign(this, { picture, onChange, onEnter, onClick });
    this.frame = h("div", {
      class: "region-box",
      tabindex: "0",
      role: "group",
      hidden: true,
      on: { keydown: (event) => this.onKey(event) },
    });
    this.cover = h(
      "div",
      { class: `region${isTouchable ? " touchable" : ""}` },
      picture,
      this.frame,
    );
    this.set(box);
    this.listen();
  }

  set(box) {
    this.box = box;
    this.frame.hidden = box === null;
    this.cover.classList.toggle("boxed", box !== null);
    if (!box) return;
    const names = ["--x", "--y", "--w", "--h"];
    names.forEach((name, at) => this.cover.style.setProperty(name, `${100 * box[at]}%`));
    const [left, top, width, height] = box.map((each) => Math.round(100 * each));
    const keys =
      "Arrow keys move it, with Shift they size it, Enter searches, Escape takes it away.";
    this.frame.setAttribute(
      "aria-label",
      `Region: from ${left} %, ${top} %, ${width} % wide, ${height} % high. ${keys}`,
    );
  }

  // Begins with the middle, for the keys.
  start() {
    if (!this.box) {
      this.set(FIRST);
      this.onChange(this.box);
    }
    this.frame.focus();
  }

  clear() {
    this.set(null);
    this.onChange(null);
  }

  listen() {
    let from = null;
    const place = (event) => {
      const bounds = this.picture.getBoundingClientRect();
      const share = (value, low, length) => Math.min(1, Math.max(0, (value - low) / length));
      return [
        share(event.clientX, bounds.left, bounds.width),
        share(event.clientY, bounds.top, bounds.height),
      ];
    };
    this.cover.addEventListener("pointerdown", (event) => {
      if (
        event.button !== 0 ||
        (event.pointerType === "touch" && !this.cover.classList.contains("touchable"))
      )
        return;
      from = { place: place(event), before: this.box, x: event.clientX, y: event.clientY };
      this.cover.setPointerCapture(event.pointerId);
      event.preventDefault();
    });
    this.cover.addEventListener("pointermove", (event) => {
      if (!from || Math.hypot(event.clientX - from.x, event.clientY - from.y) < 6) return;
      this.set(spanned(from.place, place(event)));
    });
    const end = (event) => {
      if (!from) return;
      const { before, x, y } = from;
      from = null;
      const isClick = Math.hypot(event.clientX - x, event.clientY - y) < 6;
      if (isClick) this.onClick?.();
      else if (this.box && Math.min(this.box[2], this.box[3]) < LEAST) this.set(before);
      else this.onChange(this.box);
    };
    this.cover.addEventListener("pointerup", end);
    this.cover.addEventListener("pointercancel", () => {
      if (from) this.set(from.before);
      from = null;
    });
  }

  onKey(event) {
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const way = ways[event.key];
    if (way) this.set(event.shiftKey ? sized(this.box, way) : moved(this.box, way));
    else if (event.key === "Enter") this.onEnter(this.box);
    else if (event.key === "Escape" || event.key === "Delete") this.clear();
    else return;
    if (way) this.onChange(this.box);
    event.preventDefault();
    event.stopPropagation();
  }
}

function spanned([x, y], [toX, toY]) {
  return [Math.min(x, toX), Math.min(y, toY), Math.abs(toX - x), Math.abs(toY - y)];
}

const within = (value, low, high) => Math.min(high, Math.max(low, value));

function moved([left, top, width, height], [dx, dy]) {
  return [
    within(left + dx * STEP, 0, 1 - width),
    within(top + dy * STEP, 0, 1 - height),
    width,
    height,
  ];
}

function sized([left, top, width, height], [dx, dy]) {
  return [
    left,
    top,
    within(width + dx * STEP, LEAST, 1 - left),
    within(height + dy * STEP, LEAST, 1 - top),
  ];
}
