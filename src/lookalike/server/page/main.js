// Puts the page together: what happens to the state, and which part of the page shows it.

import * as api from "./api.js";
import { Asking, withoutIds, withoutQuery } from "./asking.js";
import { listGalleries, showBar } from "./bar.js";
import { Basket } from "./basket.js";
import { watchConnection } from "./connection.js";
import { button, counted, part } from "./dom.js";
import { hasFilters } from "./filters.js";
import { Inputs } from "./input.js";
import { sweep } from "./kept.js";
import { listenToKeys } from "./keys.js";
import { late } from "./late.js";
import { Live, tellOfJob } from "./live.js";
import { MapOpening } from "./map-opening.js";
import { followDialogs, notice, tell } from "./notices.js";
import { QueryPanel } from "./query-panel.js";
import { Refine } from "./refine.js";
import { Results, state as drawn } from "./results.js";
import { forgetRows } from "./rows.js";
import { StartView } from "./start-view.js";
import { isAsking, Store } from "./state.js";
import { switchTheme } from "./theme.js";
import { Viewing } from "./viewing.js";

const SOON_MS = 1500;

class App {
  constructor() {
    this.store = new Store((state) => this.show(state));
    this.known = new Map();
    this.session = { needs_token: false, can_read: true, can_write: false };
    this.basket = new Basket({
      onChange: (ids) => this.showPicked(ids),
      onSearch: (ids) => this.asking.withAll(ids),
      onOpen: (id) => this.store.set({ open: id }),
    });
    this.refine = new Refine({
      store: this.store,
      onThreshold: (min, isSure) => this.threshold(min, isSure),
    });
    this.query = new QueryPanel({
      store: this.store,
      openPart: (each, at) => this.viewing.showPart(each, at),
    });
    const { store, refine, basket } = this;
    this.asking = new Asking(store, () => this.gallery);
    this.results = new Results({
      store,
      refine,
      basket,
      acts: this.asking.hitActs(),
      onFresh: () => this.viewing.show(store.now),
      knowsWords: () => Boolean(this.gallery?.has_text),
    });
    this.viewing = new Viewing({
      store,
      basket,
      results: this.results,
      asking: this.asking,
      canWrite: () => this.canWrite,
    });
    this.startView = new StartView({
      onPick: () => this.inputs.pick(),
      onAdd: () => this.inputs.pickToAdd(),
      onBrowse: () => store.set({ view: "all" }),
      onSearch: (image) => this.asking.similar(image),
    });
    this.map = new MapOpening({
      store,
      basket,
      asking: this.asking,
      canWrite: () => this.canWrite,
      expect: (job) => this.live.expect(job.job_id),
    });
    this.live = new Live({
      onGallery: (told) => this.onGeneration(told),
      onJob: (job) => this.onJob(job),
      canWrite: () => this.canWrite,
    });
  }

  get gallery() {
    return this.known.get(this.store.now.gallery);
  }

  get canWrite() {
    return Boolean(this.gallery?.can_write && this.session.can_write);
  }

  async begin() {
    watchConnection(() => (this.list ? this.reconnected() : this.load()));
    api.watchers.unauthorized = () => this.letIn();
    this.inputs = new Inputs({
      onPictures: (files, wish) =>
        wish === "add" ? this.add(files) : this.asking.withPictures(files),
      onText: (text) => this.asking.withText(text),
      onWordless: () => this.asking.tellWordless(),
      onNothing: (words) => notice(words, { kind: "wrong", key: "no-picture" }),
      canAdd: () => this.canWrite,
    });
    this.listen();
    await this.load();
    sweep();
    // What the first steps need is there before they are made, and if the server goes away.
    setTimeout(() => this.viewing.loaded().catch(() => undefined), SOON_MS);
  }

  async load() {
    try {
      this.session = await api.session.now();
      if (this.session.needs_token && !this.session.can_read) return await this.letIn();
      this.list = await api.galleries();
    } catch (error) {
      if (error.status === 401) return undefined;
      const again = button("Try again", { on: () => this.load() });
      part("body").replaceChildren(
        drawn("The galleries cannot be shown", error.message, again, "alert"),
      );
      return undefined;
    }
    listGalleries(this.list);
    this.show(this.store.now);
    return undefined;
  }

  async letIn() {
    if (this.isAtDoor) return;
    this.isAtDoor = true;
    const wasIn = Boolean(this.gallery);
    const door = await late("signing-in.js");
    await door?.signIn();
    this.isAtDoor = false;
    if (!door) return;
    this.results.forget();
    this.query.again();
    await this.load();
    // What was refused of the gallery on the way may be known now.
    if (wasIn) await this.refresh();
  }

  reconnected() {
    // Who asks is not known yet where the door could not be shown.
    if (!this.gallery) return this.load();
    forgetRows();
    this.live.listen(this.store.now.gallery);
    this.query.again();
    return this.refresh().then(() => this.results.resume());
  }

  // A gallery that the address names and the server does not have is told, and another is shown.
  choose(asked) {
    const named = this.list.find((each) => each.name === asked);
    if (!named && asked) notice(`This server has no gallery called “${asked}”.`, { kind: "wrong" });
    return named ?? this.list.find((each) => each.is_default) ?? this.list[0];
  }

  // What the list says of a gallery is enough to search it; the rest comes while that is done.
  show(state) {
    if (!this.list) return;
    const chosen = this.choose(state.gallery);
    if (!chosen) {
      part("body").replaceChildren(drawn("No gallery", "This server has no gallery to show."));
      return;
    }
    const { name } = chosen;
    this.store.now = { ...state, gallery: name };
    const isNew = !this.known.has(name);
    if (isNew) this.known.set(name, { ...chosen, columns: [] });
    this.draw(this.store.now);
    if (isNew) this.refresh();
  }

  draw(state) {
    const { gallery } = this;
    if (!gallery) return;
    const isMap = state.view === "map";
    const isListing = isAsking(state) || state.view === "all" || hasFilters(state);
    this.basket.use(state.gallery);
    this.live.listen(state.gallery);
    showBar(state, gallery, this.canWrite);
    part("layout").dataset.shows = isMap ? "map" : isListing ? "results" : "start";
    part("map-view").hidden = !isMap;
    part("results").hidden = isMap;
    this.query.show(state);
    this.refine.show(state, gallery);
    if (isMap) this.showMap(gallery);
    else if (isListing && gallery.images) this.results.show(state, gallery.images);
    else this.showStart(gallery);
    this.viewing.show(state);
    document.title = `${isListing ? "Results · " : isMap ? "Map · " : ""}${gallery.name} · Lookalike`;
  }

  // The place among the pictures is kept for those who come back from the map.
  showMap(gallery) {
    this.results.leave();
    this.map.show(gallery);
  }

  showStart(gallery) {
    this.results.leave();
    part("head").hidden = true;
    part("body").classList.remove("loading");
    this.startView.show(part("body"), gallery, this.canWrite);
  }

  async add(files) {
    const adding = await late("adding.js");
    await adding?.addPictures(this.store.now.gallery, files, this.gallery.limits, (job) => {
      this.live.expect(job.job_id);
      this.live.take(job);
    });
  }

  showPicked(ids) {
    for (const id of ids) this.results.grid?.showPicked(id, this.basket.has(id));
    if (ids.includes(this.store.now.open)) this.viewing.show(this.store.now);
  }

  threshold(min, isSure) {
    if (isSure) this.store.set({ min }, { isStep: false });
    else {
      this.store.now = { ...this.store.now, min };
      this.results.threshold(min);
      this.refine.tellThreshold(min);
    }
  }

  async refresh() {
    const { gallery } = this.store.now;
    const asked = performance.now();
    const told = await api.gallery(gallery).catch(() => null);
    // An answer that comes late must not take the place of a newer one.
    const isLate = asked < (this.known.get(gallery)?.asked ?? 0);
    if (told && !isLate) this.known.set(gallery, { columns: [], ...told, asked });
    if (this.store.now.gallery === gallery) this.draw(this.store.now);
  }

  // New pictures come in quietly: what somebody looks at stays as it is until they ask.
  async onGeneration({ generation, images }) {
    const before = this.gallery;
    if (!before || before.generation === generation) return;
    const { answer, answers } = this.results;
    answers.forgetAllBut(answer);
    forgetRows("id");
    await this.refresh();
    // Counted since the results that are looked at, not since the change before.
    const more = answer && answer === this.results.answer ? images - answer.images : 0;
    if (more > 0) {
      notice(`${counted(more, "new picture")}.`, {
        key: "new",
        act: { words: "Search again", act: () => this.again() },
      });
    }
  }

  again() {
    this.results.forget();
    this.draw(this.store.now);
  }

  onJob(job) {
    tellOfJob(job, { refresh: () => this.showNewest() });
    if (job.kind === "map" && job.state === "done") this.refresh().then(() => this.renewMap());
  }

  renewMap() {
    if (this.store.now.view === "map") this.map.renew(this.gallery);
  }

  showNewest() {
    this.store.set({ ...withoutQuery, view: "all" });
    this.again();
  }

  listen() {
    const { store } = this;
    followDialogs();
    part("home").addEventListener("click", (event) => {
      event.preventDefault();
      store.set(withoutQuery);
    });
    part("galleries").addEventListener("change", (event) => {
      store.set({ ...withoutIds(store.now), gallery: event.target.value });
    });
    part("all").addEventListener("click", () => store.set({ ...withoutQuery, view: "all" }));
    part("map").addEventListener("click", () =>
      store.set({ view: store.now.view === "map" ? "" : "map" }),
    );
    part("add").addEventListener("click", () => this.inputs.pickToAdd());
    part("theme").addEventListener("click", () => tell(`Colours: ${switchTheme()}`));
    const { results, basket, refine } = this;
    listenToKeys({ results, basket, refine, session: () => this.session });
  }
}

const app = new App();
app.begin();
