// Opens and closes the closer look as the state says, and does what its buttons ask for.

import * as api from "./api.js";
import { late } from "./late.js";
import { notice, wrong } from "./notices.js";
import { makePart } from "./parts.js";
import { isAsking, searchKey } from "./state.js";

export class Viewing {
  constructor({ store, basket, results, asking, canWrite }) {
    Object.assign(this, { store, basket, results, asking, canWrite });
  }

  // Loaded when it is first needed.
  async loaded() {
    const loaded = await late("viewer.js");
    if (!loaded) throw new api.Unreachable();
    const { store, asking } = this;
    this.viewer ??= new loaded.Viewer({
      ...asking.hitActs(),
      close: () => (store.now.open === null ? this.close() : store.close()),
      step: (hit) => store.set({ open: hit.image_id }, { isStep: false }),
      similar: (hit) => asking.similar(hit),
      add: (hit) => asking.also(hit),
      pick: (hit) => this.basket.toggle(hit.image_id),
      region: (box) => asking.only(makePart("id", store.now.open, { region: box })),
      remove: (hit) => this.remove(hit),
    });
    return this.viewer;
  }

  // The focus goes to the picture that was looked at last, which may be another than the first.
  close() {
    const last = this.last;
    this.last = this.partOf = null;
    const { answer, grid } = this.results;
    this.viewer?.close(answer && grid.tiles.has(last) ? () => grid.focus(last) : null);
  }

  async show(state) {
    if (state.open === null) {
      // A part of the query stays open while only the gallery has changed.
      if (this.partOf !== searchKey(state)) this.close();
      return;
    }
    try {
      await this.showHit(state);
    } catch (error) {
      // Who has to show a token first sees it then; who has gone on sees something else by now.
      if (error.status === 401 || this.store.now.open !== state.open) return;
      wrong(error, "open");
      this.store.set({ open: null }, { isStep: false });
    }
  }

  // The pictures that are shown, and the place of the open one among them, or -1.
  placeOf({ min, open }) {
    const isShown = (hit) => min === null || hit.score === undefined || hit.score >= min;
    const hits = this.results.answer?.hits.filter(isShown) ?? [];
    return { hits, at: hits.findIndex((hit) => hit.image_id === open) };
  }

  async showHit({ gallery, open }) {
    const isFound = this.placeOf(this.store.now).at >= 0;
    const [viewer, alone] = await Promise.all([
      this.loaded(),
      isFound ? null : api.image(gallery, open),
    ]);
    // While it was asked for, somebody may have gone on, or its place may have become known.
    const state = this.store.now;
    if (state.open !== open || state.gallery !== gallery) return;
    const { results } = this;
    const { hits, at } = this.placeOf(state);
    const hit = hits[at] ?? alone;
    if (!hit) return;
    this.last = open;
    if (at >= 0 && at > hits.length - 4) results.more();
    const id = hit.image_id;
    viewer.showHit({
      gallery: state.gallery,
      hit,
      meaning: results.answer?.told?.meaning,
      previous: hits[at - 1],
      next: at >= 0 ? hits[at + 1] : undefined,
      isPicked: this.basket.has(id),
      canWrite: this.canWrite(),
      isAsking: isAsking(state),
      opinion: state.kept.includes(id) ? "kept" : state.rejected.includes(id) ? "rejected" : null,
    });
  }

  async showPart(each, at) {
    const wanted = searchKey(this.store.now);
    const viewer = await this.loaded().catch(() => null);
    // While it was loaded, somebody may have gone on.
    const { open } = this.store.now;
    if (!viewer || open !== null || searchKey(this.store.now) !== wanted) return;
    this.partOf = wanted;
    const onRegion = (box) => {
      this.close();
      const { parts } = this.store.now;
      this.store.set({
        parts: parts.map((other, place) => (place === at ? { ...other, region: box } : other)),
      });
    };
    viewer.showPart(this.store.now.gallery, each, onRegion);
  }

  async remove(hit) {
    try {
      await api.removeImage(this.store.now.gallery, hit.image_id);
    } catch (error) {
      wrong(error, "remove");
      return;
    }
    this.results.grid?.remove(hit.image_id);
    this.results.answer?.forget(hit.image_id);
    this.basket.forget(hit.image_id);
    if (this.store.now.open === hit.image_id) this.store.close();
    notice("Removed from the gallery.", { key: "removed" });
  }
}
