// A justified grid. Rows come from CSS: tiles grow in proportion to their shapes, so that all of
// a row end at the same height, whatever the window does.

import * as api from "./api.js";
import { h, icon, nameOf, readable } from "./dom.js";
import { Selecting } from "./selecting.js";
import { ratioOf, rowHeight, sideFor } from "./shapes.js";

const HOLD_MS = 480;
// A small picture that does not come is asked for once more: the server may have been busy.
const AGAIN_MS = 3000;

export class Grid {
  // `onOpen`, `onPick`, `onMore` and `onLess` are called with a hit, `onPickAll` with ids.
  constructor({ gallery, isRanked, isPicked, onOpen, onPick, onPickAll, onMore, onLess }) {
    Object.assign(this, { gallery, isRanked, isPicked, onOpen, onMore, onLess });
    this.tiles = new Map();
    this.selecting = new Selecting({ tiles: this.tiles, onPick, onPickAll });
    this.box = h("ul", {
      class: `grid${isRanked ? " ranked" : ""}`,
      on: {
        keydown: (event) => this.onKey(event),
        mousedown: (event) => event.shiftKey && focusOnly(event),
      },
    });
  }

  add(hits) {
    const list = document.createDocumentFragment();
    for (const hit of hits) {
      const tile = this.tile(hit);
      this.tiles.set(hit.image_id, { tile, hit });
      list.append(tile);
    }
    this.box.append(list);
    if (!this.box.querySelector('[tabindex="0"]'))
      this.box.querySelector(".face")?.setAttribute("tabindex", "0");
  }

  tile(hit) {
    const name = readable(nameOf(hit.path));
    const ratio = ratioOf(hit);
    const score = this.isRanked ? hit.score.toFixed(2) : null;
    const said = this.isRanked ? `${name}, score ${score}, place ${hit.rank}` : name;
    const picture = h("img", {
      src: this.addressOf(hit),
      alt: "",
      loading: this.tiles.size < 24 ? "eager" : "lazy",
      decoding: "async",
      draggable: "false",
      on: { load: () => loaded(face), error: () => missed(face, picture) },
    });
    const face = h(
      "button",
      {
        class: "face",
        type: "button",
        tabindex: "-1",
        "aria-label": said,
        title: readable(hit.path),
        "data-id": hit.image_id,
        on: {
          click: (event) => this.selecting.isTaken(event, hit) || this.onOpen(hit),
          focus: () => this.stop(face),
        },
      },
      picture,
    );
    const tile = h(
      "li",
      { class: "tile", vars: { "--ratio": ratio, "--score": hit.score ?? 0 } },
      face,
      this.pickButton(hit, name),
      this.isRanked && this.opinions(hit, name),
      this.isRanked &&
        h("span", { class: "score", "aria-hidden": "true" }, h("span", { class: "number" }, score)),
      this.isRanked &&
        h("span", { class: "track", "aria-hidden": "true" }, h("span", { class: "level" })),
    );
    holdTo(tile, face, () => this.selecting.one(hit));
    tile.classList.toggle("picked", this.isPicked(hit.image_id));
    return tile;
  }

  addressOf(hit) {
    const side = sideFor(rowHeight(), hit);
    return api.thumbnail(this.gallery, hit.image_id, side, hit.content_hash);
  }

  // Pictures are drawn larger or smaller now.
  resized() {
    for (const { tile, hit } of this.tiles.values()) {
      const picture = tile.querySelector("img");
      const address = this.addressOf(hit);
      if (!picture.src.endsWith(address)) picture.src = address;
    }
  }

  pickButton(hit, name) {
    const isPicked = this.isPicked(hit.image_id);
    return h(
      "button",
      {
        class: "pick",
        type: "button",
        tabindex: "-1",
        "aria-pressed": String(isPicked),
        "aria-label": `${name} in the basket`,
        title: "Into the basket (b)",
        on: {
          click: (event) =>
            event.shiftKey ? this.selecting.through(hit) : this.selecting.one(hit),
        },
      },
      icon("check"),
    );
  }

  opinions(hit, name) {
    const one = (sign, words, act) =>
      h(
        "button",
        {
          type: "button",
          tabindex: "-1",
          "aria-label": `${words}: ${name}`,
          title: words,
          on: { click: () => act(hit) },
        },
        icon(sign),
      );
    return h(
      "span",
      { class: "opinions" },
      one("plus", "More like this", this.onMore),
      one("minus", "Less like this", this.onLess),
    );
  }

  showPicked(id, isPicked) {
    const known = this.tiles.get(id);
    known?.tile.classList.toggle("picked", isPicked);
    known?.tile.querySelector(".pick").setAttribute("aria-pressed", String(isPicked));
  }

  // Hides what lies below a score; returns how many are left.
  threshold(min) {
    let shown = 0;
    for (const { tile, hit } of this.tiles.values()) {
      tile.hidden = min !== null && hit.score < min;
      shown += !tile.hidden;
    }
    return shown;
  }

  // The bars run over the scores in sight, a little below the lowest, so that none is empty.
  showScale(low, high) {
    const span = Math.max(high - low, 0.02);
    this.box.style.setProperty("--low", low - span * 0.12);
    this.box.style.setProperty("--span", span * 1.12);
  }

  remove(id) {
    this.tiles.get(id)?.tile.remove();
    this.tiles.delete(id);
  }

  // The server is back: what it did not send is asked for again.
  again() {
    for (const picture of this.box.querySelectorAll(".face.gone img")) askAgain(picture);
  }

  // One tile of the grid is a stop of the Tab key; the arrows go on from there.
  stop(face) {
    for (const other of this.box.querySelectorAll('.face[tabindex="0"]')) other.tabIndex = -1;
    face.tabIndex = 0;
  }

  focus(id) {
    const face =
      this.tiles.get(id)?.tile.querySelector(".face") ??
      this.box.querySelector('.face[tabindex="0"]');
    face?.focus();
    face?.scrollIntoView({ block: "nearest" });
  }

  onKey(event) {
    const face = event.target.closest(".face");
    if (!face || event.ctrlKey || event.metaKey || event.altKey) return;
    const { hit } = this.tiles.get(Number(face.dataset.id));
    const next = this.towards(event.key, face);
    if (next) {
      next.focus();
      next.scrollIntoView({ block: "nearest" });
    } else if (event.key === "b") this.selecting.one(hit);
    else if (event.key === "B") this.selecting.through(hit);
    else if (this.isRanked && (event.key === "+" || event.key === "=")) this.onMore(hit);
    else if (this.isRanked && event.key === "-") this.onLess(hit);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  towards(key, face) {
    const faces = [...this.box.querySelectorAll(".tile:not([hidden]) .face")];
    const at = faces.indexOf(face);
    if (key === "ArrowRight") return faces[at + 1];
    if (key === "ArrowLeft") return faces[at - 1];
    if (key === "Home") return faces[0];
    if (key === "End") return faces.at(-1);
    if (key === "ArrowDown") return inRow(faces.slice(at + 1), face);
    if (key === "ArrowUp") return inRow(faces.slice(0, Math.max(0, at)).reverse(), face);
    return null;
  }
}

function loaded(face) {
  face.classList.remove("gone");
  face.classList.add("loaded");
}

function missed(face, picture) {
  face.classList.add("gone");
  if (picture.dataset.asked) return;
  picture.dataset.asked = "again";
  setTimeout(() => picture.isConnected && askAgain(picture), AGAIN_MS);
}

function askAgain(picture) {
  const { src } = picture;
  picture.src = src;
}

// The first row among faces that is not the face's own, and the one of it that lies nearest.
function inRow(faces, face) {
  const own = face.getBoundingClientRect();
  const middle = own.left + own.width / 2;
  let best = null;
  let bestGap = Infinity;
  let row = null;
  for (const other of faces) {
    const { top, left, width } = other.getBoundingClientRect();
    if (Math.abs(top - own.top) < 2) continue;
    row ??= top;
    if (Math.abs(top - row) > 2) break;
    const gap = Math.abs(left + width / 2 - middle);
    if (gap < bestGap) [best, bestGap] = [other, gap];
  }
  return best;
}

// Browsers would select the words in between, too.
function focusOnly(event) {
  event.preventDefault();
  event.target.closest("button")?.focus();
}

// A finger that rests on a picture picks it: there is no pointer to show the small buttons to.
// Some browsers call that a wish for their own menu before the time is up.
function holdTo(tile, face, act) {
  let timer = 0;
  let isTouch = false;
  let isHeld = false;
  const hold = () => {
    clearTimeout(timer);
    if (isHeld) return;
    isHeld = true;
    navigator.vibrate?.(10);
    act();
  };
  tile.addEventListener("pointerdown", (event) => {
    isHeld = false;
    isTouch = event.pointerType !== "mouse" && face.contains(event.target);
    if (isTouch) timer = setTimeout(hold, HOLD_MS);
  });
  for (const name of ["pointerup", "pointercancel", "pointermove", "pointerleave"]) {
    tile.addEventListener(name, (event) => {
      if (name !== "pointermove" || Math.hypot(event.movementX, event.movementY) > 4)
        clearTimeout(timer);
    });
  }
  // The tick that came up below the finger must not take it for a press.
  const endHeld = (event) => {
    if (isHeld) event.stopPropagation();
    isHeld = false;
  };
  tile.addEventListener("click", endHeld, { capture: true });
  tile.addEventListener("contextmenu", (event) => {
    if (!isTouch) return;
    event.preventDefault();
    hold();
  });
}
