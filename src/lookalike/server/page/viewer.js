// A closer look: the picture in large, what is known of it, and what can be done with it. The
// picture is one of the gallery, or a part of the query that came from outside.

import * as api from "./api.js";
import { button, fill, h, icon, isWriting, nameOf, readable } from "./dom.js";
import { factsOf, metadataOf } from "./facts.js";
import { showPart } from "./query-panel.js";
import { Region } from "./region.js";

const SIDE = 1024;
// A small picture is shown so many times larger, and no more: beyond that it is only blurred.
const LARGER = 2.5;
// So wide are those at least that nobody would see otherwise, or could press.
const LEAST_WIDTH = 160;

export class Viewer {
  // `acts` holds what the buttons do: similar, more, less, add, pick, region, remove, step, close.
  constructor(acts) {
    this.acts = acts;
    this.stage = h("div", { class: "view-stage" });
    this.aside = h("aside", { class: "view-facts", "aria-label": "About the picture" });
    this.title = h("h2", { id: "view-title" });
    this.dialog = h(
      "dialog",
      {
        class: "viewer",
        "aria-labelledby": "view-title",
        on: {
          cancel: (event) => this.onCancel(event),
          close: () => this.onClosed(),
          keydown: (event) => this.onKey(event),
        },
      },
      h(
        "header",
        { role: "none" },
        this.title,
        button("", { sign: "close", label: "Close (Esc)", kind: "quiet", on: () => acts.close() }),
      ),
      h("div", { class: "view-body" }, this.stage, this.aside),
    );
    this.dialog.addEventListener("click", (event) => event.target === this.dialog && acts.close());
    document.body.append(this.dialog);
  }

  get isOpen() {
    return this.dialog.open;
  }

  // `seen` is { gallery, hit, meaning, previous, next, isPicked, opinion, canWrite, isAsking }.
  showHit(seen) {
    const written = JSON.stringify(seen);
    // What goes on in the gallery meanwhile must not take a question, or a box, away.
    if (this.isOpen && (written === this.written || this.isBusyWith(seen))) {
      this.seen = seen;
      return;
    }
    this.written = written;
    this.seen = seen;
    const { hit, gallery } = seen;
    const name = readable(nameOf(hit.path));
    this.title.textContent = name;
    const image = h("img", {
      src: api.thumbnail(gallery, hit.image_id, SIDE, hit.content_hash),
      alt: name,
      draggable: "false",
    });
    image.addEventListener("error", () => image.isConnected && this.stage.classList.add("gone"));
    const side = document.activeElement?.classList.contains("left") ? "left" : "right";
    const isStepping = this.stage.querySelector(":focus")?.classList.contains("step");
    this.showStage(image, null, { width: hit.width, height: hit.height });
    const focused = [...this.aside.querySelectorAll("button")].indexOf(document.activeElement);
    fill(
      this.aside,
      this.buttons(seen),
      factsOf(hit, seen.meaning),
      metadataOf(hit),
      this.links(seen),
    );
    if (focused >= 0) this.aside.querySelectorAll("button")[focused]?.focus();
    else if (isStepping) this.stage.querySelector(`.step.${side}`)?.focus();
    this.open();
    for (const other of [seen.previous, seen.next])
      if (other) new Image().src = api.thumbnail(gallery, other.image_id, SIDE, other.content_hash);
  }

  // Whether a box or a question stands, and no more has come than what lies beside the picture.
  isBusyWith(seen) {
    if (!this.region.box && !this.aside.querySelector(".remove .danger")) return false;
    const own = ({ gallery, hit, isPicked, opinion }) =>
      JSON.stringify([gallery, hit.image_id, isPicked, opinion]);
    return this.seen !== null && own(seen) === own(this.seen);
  }

  // A part of the query: only a region can be chosen.
  showPart(gallery, each, onRegion) {
    this.seen = this.written = null;
    this.title.textContent = each.kind === "id" ? `Picture ${each.value}` : "Your picture";
    const image = h("img", { alt: this.title.textContent, draggable: "false" });
    this.showStage(image, each.region, {}, onRegion);
    this.aside.replaceChildren(
      h("p", { class: "hint" }, "Drag a box on the picture to search with that part of it only."),
      h("div", { class: "actions" }, this.regionButton()),
    );
    showPart(image, gallery, each, SIDE);
    this.open();
  }

  showStage(image, box, { width, height }, onRegion = this.acts.region) {
    const search = (chosen) => chosen && onRegion(chosen);
    this.region = new Region(image, {
      box,
      onChange: (chosen) => this.offerRegion(chosen, search),
      onEnter: search,
    });
    this.go = h("div", { class: "region-go", hidden: true });
    const step = (sign, words, hit) =>
      hit
        ? button("", { sign, label: words, kind: `step ${sign}`, on: () => this.acts.step(hit) })
        : null;
    this.stage.classList.remove("gone");
    fill(
      this.stage,
      step("left", "Previous (←)", this.seen?.previous),
      this.region.cover,
      step("right", "Next (→)", this.seen?.next),
      this.go,
    );
    if (!width || !height) return;
    this.region.cover.style.setProperty("--shape", width / height);
    this.region.cover.style.setProperty("--most", `${Math.max(LEAST_WIDTH, LARGER * width)}px`);
  }

  offerRegion(box, search) {
    this.go.hidden = !box;
    if (!box || this.go.childElementCount) return;
    this.go.append(
      button("Search this region", {
        sign: "search",
        kind: "primary",
        on: () => search(this.region.box),
      }),
      button("", {
        sign: "close",
        label: "No region",
        kind: "quiet",
        on: () => this.region.clear(),
      }),
    );
  }

  regionButton() {
    return button("Region", {
      sign: "region",
      title: "Search a region: drag a box on the picture, or use the keys (r)",
      on: () => this.region.start(),
    });
  }

  buttons({ hit, isPicked, opinion, isAsking }) {
    const { acts } = this;
    const opine = (words, sign, which, act) =>
      button(words, {
        sign,
        kind: opinion === which ? "on" : "",
        "aria-pressed": String(opinion === which),
        on: () => act(hit),
      });
    return h(
      "div",
      { class: "actions" },
      button("Find similar", {
        sign: "similar",
        kind: "primary wide",
        on: () => acts.similar(hit),
      }),
      isAsking && opine("More like this", "plus", "kept", acts.more),
      isAsking && opine("Less like this", "minus", "rejected", acts.less),
      isAsking && button("Add to query", { sign: "search", on: () => acts.add(hit) }),
      this.regionButton(),
      button(isPicked ? "In the basket" : "Basket", {
        sign: isPicked ? "check" : "basket",
        kind: isPicked ? "on" : "",
        "aria-pressed": String(isPicked),
        on: () => acts.pick(hit),
      }),
    );
  }

  links({ gallery, hit, canWrite }) {
    const link = (address, sign, words, rest) =>
      h("a", { href: address, class: "link", ...rest }, icon(sign), words);
    return h(
      "div",
      { class: "links" },
      link(api.original(gallery, hit.image_id), "open", "Open original", {
        target: "_blank",
        rel: "noopener",
      }),
      link(api.original(gallery, hit.image_id, true), "download", "Download", { download: "" }),
      canWrite && this.removeButton(hit),
    );
  }

  // Asks once more in the place of the button: what is removed is not found again.
  removeButton(hit) {
    const box = h("span", { class: "remove" });
    const first = button("Remove from gallery", {
      sign: "remove",
      kind: "link",
      on: () => {
        const sure = button("Remove", { kind: "danger small", on: () => this.acts.remove(hit) });
        box.replaceChildren(
          sure,
          button("Keep", {
            kind: "small",
            on: () => {
              box.replaceChildren(first);
              first.focus();
            },
          }),
        );
        sure.focus();
      },
    });
    box.append(first);
    return box;
  }

  open() {
    if (this.dialog.open) return;
    this.returnTo = document.activeElement;
    this.isMeant = false;
    this.dialog.showModal();
    this.aside.querySelector("button")?.focus({ preventScroll: true });
  }

  close(focusAgain) {
    if (!this.dialog.open) return;
    this.isMeant = true;
    this.dialog.close();
    this.stage.replaceChildren();
    if (focusAgain) focusAgain();
    else if (this.returnTo?.isConnected) this.returnTo.focus();
  }

  // Escape goes back in the history, which closes the dialog.
  onCancel(event) {
    event.preventDefault();
    this.acts.close();
  }

  // Some browsers close it whatever a page says, at a second Escape: the address follows.
  onClosed() {
    if (!this.isMeant) this.acts.close();
  }

  onKey(event) {
    if (isWriting(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    const { acts, seen } = this;
    const keys = {
      r: () => this.region.start(),
      ...(seen && {
        ArrowLeft: () => seen.previous && acts.step(seen.previous),
        ArrowRight: () => seen.next && acts.step(seen.next),
        b: () => acts.pick(seen.hit),
        s: () => acts.similar(seen.hit),
        ...(seen.isAsking && {
          "+": () => acts.more(seen.hit),
          "=": () => acts.more(seen.hit),
          "-": () => acts.less(seen.hit),
        }),
      }),
    };
    if (!keys[event.key]) return;
    keys[event.key]();
    event.preventDefault();
    event.stopPropagation();
  }
}
