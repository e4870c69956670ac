// Loads the map when it is first opened, and has one drawn where there is none.

import * as api from "./api.js";
import { part } from "./dom.js";
import { late, styleSheet } from "./late.js";
import { tell, wrong } from "./notices.js";

export class MapOpening {
  constructor({ store, basket, asking, canWrite, expect }) {
    Object.assign(this, { store, basket, asking, canWrite, expect });
  }

  async show(now) {
    this.gallery = now;
    const loaded = await this.loaded();
    // While it was loaded, somebody may have gone on.
    const { gallery, store } = this;
    if (!loaded || store.now.view !== "map" || store.now.gallery !== gallery.name) return;
    this.view ??= new loaded.MapView(part("map-view"), {
      open: (id) => this.store.set({ open: id }),
      search: (ids) => this.asking.withAll(ids),
      only: (ids) => this.asking.amongThese(ids),
      basket: (ids) => this.basket.addAll(ids),
      make: () => this.make(this.store.now.gallery),
      told: tell,
    });
    this.view.show(gallery, { canWrite: this.canWrite() });
  }

  // The map's own style sheet has to be there before anything is measured.
  async loaded() {
    this.styled ??= late("style/map.css", styleSheet);
    if (await this.styled) return late("map-view.js");
    this.styled = null;
    return null;
  }

  // Another one was drawn.
  renew(gallery) {
    if (this.view) this.view.key = null;
    return this.show(gallery);
  }

  async make(gallery) {
    try {
      this.expect(await api.makeMap(gallery));
    } catch (error) {
      wrong(error, "map");
    }
  }
}
