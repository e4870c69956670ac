// The query as it stands: a card for each part, with its picture, weight, sign and region.

import * as api from "./api.js";
import { button, fill, h, icon, part } from "./dom.js";
import { addressOfPicture, keptPicture } from "./kept.js";
import { late } from "./late.js";
import { isPicture } from "./parts.js";

export class QueryPanel {
  constructor({ store, openPart }) {
    Object.assign(this, { store, openPart });
    this.box = part("query");
    this.written = "";
  }

  show(state) {
    const written = JSON.stringify([state.gallery, state.parts, state.kept, state.rejected]);
    if (written === this.written) return;
    this.written = written;
    const { parts, kept, rejected } = state;
    this.box.hidden = !parts.length && !kept.length && !rejected.length;
    const focused = document.activeElement?.dataset?.focus;
    fill(
      this.box,
      h(
        "div",
        { class: "cards" },
        parts.map((each, at) => this.card(state, each, at)),
      ),
      this.opinions(state, kept, "More like", "kept"),
      this.opinions(state, rejected, "Less like", "rejected"),
    );
    this.box.classList.toggle("single", parts.length === 1);
    if (focused) this.box.querySelector(`[data-focus="${focused}"]`)?.focus();
  }

  // Pictures that could not be loaded may be there now.
  again() {
    this.written = "";
  }

  change(at, changes) {
    const parts = this.store.now.parts.map((each, place) =>
      place === at ? { ...each, ...changes } : each,
    );
    this.store.set({ parts });
  }

  remove(at) {
    this.store.set({ parts: this.store.now.parts.filter((_, place) => place !== at) });
  }

  card(state, each, at) {
    const isAlone = state.parts.length === 1;
    const label = each.kind === "text" ? `“${each.value}”` : each.kind === "url" ? each.value : "";
    return h(
      "article",
      {
        class: `card ${each.kind}${each.weight < 0 ? " minus" : ""}`,
        "aria-label": `Part ${at + 1} of the query`,
      },
      isPicture(each)
        ? this.picture(state, each, at)
        : h("p", { class: "words" }, icon("search"), h("span", {}, label)),
      h(
        "div",
        { class: "controls" },
        (!isAlone || each.weight < 0) && this.sign(each, at),
        isAlone
          ? h("span", { class: "grow name" }, each.region ? "A region of it" : "")
          : this.weight(each, at),
        isPicture(each) &&
          button("", {
            sign: "region",
            label: each.region
              ? "The whole picture again"
              : "Search a region: drag a box, or use the keys",
            kind: `quiet${each.region ? " on" : ""}`,
            "data-focus": `region-${at}`,
            on: () => (each.region ? this.change(at, { region: null }) : this.openPart(each, at)),
          }),
        button("", { sign: "close", label: "Take away", kind: "quiet", on: () => this.remove(at) }),
      ),
    );
  }

  picture(state, each, at) {
    const image = h("img", {
      alt: each.kind === "id" ? `Picture ${each.value} of the gallery` : "The picture you gave",
      draggable: "false",
    });
    const holder = h("div", { class: "query-picture" }, image);
    showPart(image, state.gallery, each, 512);
    // Loaded when a picture is there: the start needs no drawing of boxes.
    const drawn = (loaded) => {
      // Without it the picture only cannot be boxed.
      if (!loaded) return;
      const region = new loaded.Region(image, {
        box: each.region,
        isTouchable: false,
        onChange: (box) => this.change(at, { region: box }),
        onClick: () => this.openPart(each, at),
      });
      holder.prepend(region.cover);
    };
    late("region.js").then(drawn);
    return holder;
  }

  sign(each, at) {
    const isMinus = each.weight < 0;
    const words = isMinus ? "Less like this: press for more" : "More like this: press for less";
    return button("", {
      sign: isMinus ? "minus" : "plus",
      label: words,
      kind: "quiet sign",
      "aria-pressed": String(isMinus),
      "data-focus": `sign-${at}`,
      on: () => this.change(at, { weight: -each.weight }),
    });
  }

  weight(each, at) {
    const shown = h("output", { "aria-live": "off" }, Math.abs(each.weight).toFixed(1));
    const input = h("input", {
      type: "range",
      min: "0.1",
      max: "2",
      step: "0.1",
      value: Math.abs(each.weight),
      "data-focus": `weight-${at}`,
      "aria-label": `Weight of part ${at + 1}`,
      on: {
        input: () => (shown.textContent = Number(input.value).toFixed(1)),
        change: () => this.change(at, { weight: Math.sign(each.weight) * Number(input.value) }),
      },
    });
    return h("label", { class: "weight grow", title: "How much it counts" }, input, shown);
  }

  opinions({ gallery }, ids, words, key) {
    if (!ids.length) return null;
    const forget = (id) =>
      this.store.set({ [key]: this.store.now[key].filter((each) => each !== id) });
    return h(
      "div",
      { class: `opinion-row ${key}` },
      h("span", { class: "quietly" }, words),
      ids.slice(0, 24).map((id) =>
        h(
          "button",
          {
            type: "button",
            class: "chip-picture",
            title: "Take away",
            "aria-label": `${words} picture ${id}: take away`,
            on: { click: () => forget(id) },
          },
          h("img", { src: api.thumbnail(gallery, id, 64), alt: "" }),
          icon("close"),
        ),
      ),
      ids.length > 24 && h("span", { class: "quietly" }, `+${ids.length - 24}`),
      button("Clear", { kind: "quiet small", on: () => this.store.set({ [key]: [] }) }),
    );
  }
}

// Shows a part's picture; one from outside may be gone, or of a format that only the server reads.
// The image has to stand somewhere by then: what is said in its place is put beside it.
export async function showPart(image, gallery, { kind, value }, side) {
  const isOurs = kind === "id";
  const file = isOurs ? null : await keptPicture(value);
  const name = isOurs ? `Picture ${value}` : file?.name;
  const withoutPicture = () => {
    image.classList.add("gone");
    image.after(h("span", { class: "gone-name" }, name ?? "Not here any more"));
  };
  image.addEventListener("error", withoutPicture);
  image.title = name ?? "";
  const address = isOurs ? api.thumbnail(gallery, value, side) : await addressOfPicture(value);
  if (address) image.src = address;
  else withoutPicture();
}
