// The gallery's map: loaded when it is first opened, drawn by the modules that reports use, too.

import * as api from "./api.js";
import { button, counted, h } from "./dom.js";
import { Lasso } from "./lasso.js";
import { MapAge } from "./map-age.js";
import { markup } from "./map-markup.js";
import { readMap } from "./map/data.js";
import { PictureMap } from "./map/map.js";
import { Panel } from "./map/panel.js";

const NARROW_PIXELS = 720;
const SMALL_SIDE = 128;
const CARD_SIDE = 256;

export class MapView {
  // `acts`: open(id), search(ids), only(ids), basket(ids), make(), told(words).
  constructor(root, acts) {
    Object.assign(this, { root, acts });
    addEventListener("theme", () => this.readTheme());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.readTheme());
  }

  async show(gallery, { canWrite }) {
    // It stays while pictures come and go: somebody may be looking at it.
    if (this.key === gallery.name) {
      this.seen.push(gallery);
      this.tellAge();
      return this.map?.resize();
    }
    this.key = gallery.name;
    this.seen = [gallery];
    this.map = this.age = null;
    const isLatest = this.latest();
    if (gallery.has_map === false) return this.root.replaceChildren(this.offer(canWrite));
    this.root.replaceChildren(h("p", { class: "waiting", role: "status" }, "Opening the map …"));
    try {
      const facts = await api.mapFacts(gallery.name);
      if (!isLatest()) return undefined;
      // Out of sight it has no size to be drawn in: it is opened by those who come back.
      if (this.root.hidden) this.key = null;
      else {
        this.draw(gallery.name, facts);
        this.age = new MapAge({ ...facts, canWrite, make: this.acts.make });
        // Before the legend, whose names are many on the way with the tab key.
        this.part("stage").after(this.age.box);
        this.tellAge();
      }
    } catch (error) {
      if (!isLatest()) return undefined;
      const again = () => {
        this.key = null;
        this.show(gallery, { canWrite });
      };
      const isMissing = error.status === 404;
      this.root.replaceChildren(isMissing ? this.offer(canWrite) : problem(error, again));
    }
    return undefined;
  }

  // A map that comes late must not take the place of one that was asked for after it.
  latest() {
    const asked = (this.asked = {});
    return () => this.asked === asked;
  }

  offer(canWrite) {
    const make = button("Draw the map", {
      kind: "primary",
      sign: "map",
      on: () => {
        make.disabled = true;
        this.acts.make().finally(() => (make.disabled = false));
      },
    });
    return h(
      "div",
      { class: "state" },
      h("h1", {}, "No map yet"),
      h(
        "p",
        {},
        "A map puts pictures that look alike next to each other, so that a whole gallery is seen at a glance.",
      ),
      canWrite ? make : h("p", { class: "hint" }, "Who may add pictures can have it drawn."),
    );
  }

  draw(name, facts) {
    this.ids = facts.image_ids;
    const small = (point) => api.thumbnail(name, this.ids[point], SMALL_SIDE);
    const data = readMap(facts, small);
    this.name = name;
    this.data = data;
    this.root.replaceChildren(...markup());
    this.panel = new Panel(this.root, data);
    const panel = this.part("panel");
    const covered = () => {
      const { offsetWidth, offsetHeight } = panel;
      return this.isNarrow ? { left: 0, bottom: offsetHeight } : { left: offsetWidth, bottom: 0 };
    };
    this.map = new PictureMap(this.part("stage"), data, {
      covered,
      onHover: (point) => this.showCard(point),
      onOpen: (point) => point >= 0 && this.acts.open(this.ids[point]),
      onMove: () => this.placeCard(),
    });
    this.panel.attach(this.map);
    // Its folder may be called otherwise.
    this.part("title").textContent = name;
    this.lasso = new Lasso(this.part("stage"), this.map, (points) => this.chosen(points));
    this.listen();
    if (this.isNarrow) this.fold();
  }

  // What became of the gallery while the map was on its way is told once it is there.
  tellAge() {
    if (!this.age) return;
    for (const gallery of this.seen) this.age.follow(gallery);
    this.seen = [];
  }

  part(name) {
    return this.root.querySelector(`[data-part="${name}"]`);
  }

  get isNarrow() {
    return this.root.clientWidth <= NARROW_PIXELS;
  }

  readTheme() {
    this.map?.readTheme();
    this.map?.colourBy(this.map.column);
  }

  listen() {
    const { map } = this;
    this.part("nearer").addEventListener("click", () => map.zoom(1.6));
    this.part("farther").addEventListener("click", () => map.zoom(1 / 1.6));
    this.part("whole").addEventListener("click", () => map.fit());
    this.part("fold").addEventListener("click", () => this.fold());
    this.part("lasso").addEventListener("click", () => this.useLasso(!this.lasso.isOn));
    this.part("open").addEventListener("click", () => this.acts.open(this.ids[map.selected]));
    this.part("stage").addEventListener("keydown", (event) => {
      if (event.key === "l") this.useLasso(!this.lasso.isOn);
      else if (event.key === "Escape" && this.lasso.isOn) this.useLasso(false);
    });
  }

  useLasso(isOn) {
    this.lasso.use(isOn);
    this.part("lasso").setAttribute("aria-pressed", String(isOn));
    if (isOn) this.acts.told("Draw around pictures to choose them.");
  }

  fold() {
    const isFolded = this.part("panel").classList.toggle("folded");
    this.part("fold").setAttribute("aria-expanded", String(!isFolded));
    this.map.resize();
  }

  // What the lasso went around, and what can be done with it.
  chosen(points) {
    this.useLasso(false);
    const bar = this.part("chosen");
    const ids = points.map((point) => this.ids[point]);
    const within = new Set(points);
    const letGo = () => {
      bar.hidden = true;
      this.panel.reset();
    };
    bar.hidden = !ids.length;
    this.acts.told(`${counted(ids.length, "picture")} chosen`);
    if (!ids.length) return;
    this.map.filter((point) => within.has(point));
    this.panel.count();
    bar.replaceChildren(
      h("strong", {}, `${counted(ids.length, "picture")} chosen`),
      button("Into the basket", { sign: "basket", on: () => this.acts.basket(ids) }),
      button("Search with them", { sign: "similar", on: () => this.acts.search(ids) }),
      button("Show only these", { sign: "grid", on: () => this.acts.only(ids) }),
      button("", { sign: "close", label: "Let go", kind: "quiet", on: letGo }),
    );
    bar.querySelector("button").focus();
  }

  showCard(point) {
    const card = this.part("card");
    card.hidden = point < 0;
    if (point < 0) return;
    const { data, map } = this;
    const image = this.part("small");
    const address = api.thumbnail(this.name, this.ids[point], CARD_SIDE);
    if (!image.src.endsWith(address)) image.src = address;
    image.alt = data.names[point];
    this.part("name").textContent = data.names[point];
    const cluster = data.columns.find((each) => each.name === "cluster");
    const lines = [...new Set([cluster, map.column])].filter(Boolean);
    this.part("values").replaceChildren(
      ...lines.flatMap((column) => [h("dt", {}, column.title), h("dd", {}, column.shown(point))]),
    );
    this.part("open").hidden = map.selected !== point;
    if (point === map.selected) this.acts.told(`${data.names[point]} is selected`);
    this.placeCard();
  }

  // Keeps the card beside its point while the map moves.
  placeCard() {
    const { map } = this;
    const card = this.part("card");
    if (!map || !card || card.hidden) return;
    card.style.transform = "";
    if (this.isNarrow) return;
    const [x, y] = map.screenPlace(map.hovered >= 0 ? map.hovered : map.selected);
    const { offsetWidth: width, offsetHeight: height } = card;
    const { clientWidth, clientHeight } = map.box;
    const left = x + width + 24 > clientWidth ? x - width - 18 : x + 18;
    const top = Math.max(8, Math.min(y - height / 3, clientHeight - height - 8));
    card.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
  }
}

function problem(error, again) {
  return h(
    "div",
    { class: "state", role: "alert" },
    h("h1", {}, "The map cannot be shown"),
    h("p", {}, error.message),
    button("Try again", { on: again }),
  );
}
