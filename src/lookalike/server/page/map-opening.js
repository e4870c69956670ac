// Loads the map when it is first opened, and has one drawn where there is none.

import * as api from "./api.js";
import { part } from "./dom.js";
import { tell, wrong } from "./notices.js";

export class MapOpening {
  constructor({ store, basket, asking, canWrite, expect }) {
    Object.assign(this, { store, basket, asking, canWrite, expect });
  }

  async show(gallery) {
    const { MapView } = await this.loaded();
    if (!MapView) return;
    this.view ??= new MapView(part("map-view"), {
      open: (id) => this.store.set({ open: id }),
      search: (ids) => this.asking.withAll(ids),
      only: (ids) => this.asking.amongThese(ids),
      basket: (ids) => this.basket.addAll(ids),
      make: () => this.make(this.store.now.gallery),
      told: tell,
    });
    this.view.show(gallery, { canWrite: this.canWrite() });
  }

  async loaded() {
    await this.style();
    return import("./map-view.js").catch(() => {
      api.watchers.unreachable();
      return {};
    });
  }

  // Another one was drawn.
  renew(gallery) {
    if (this.view) this.view.key = null;
    this.show(gallery);
  }

  // The map's own style sheet has to be there before anything is measured.
  style() {
    this.styled ??= new Promise((resolve) => {
      const link = document.createElement("link");
      link.rel = "stylesheet";
      link.href = new URL("./style/map.css", import.meta.url);
      link.onload = link.onerror = resolve;
      document.head.append(link);
    });
    return this.styled;
  }

  async make(gallery) {
    try {
      this.expect(await api.makeMap(gallery));
    } catch (error) {
      wrong(error, "map");
    }
  }
}
