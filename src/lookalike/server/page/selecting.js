// Picking many pictures: each with Ctrl, and with Shift all between the last one and this.

export class Selecting {
  // `tiles` are a grid's, in its order; `onPick` is called with a hit, `onPickAll` with ids.
  constructor({ tiles, onPick, onPickAll }) {
    Object.assign(this, { tiles, onPick, onPickAll, from: null });
  }

  // Tells whether a press on a picture was meant for picking.
  isTaken(event, hit) {
    if (event.shiftKey) this.through(hit);
    else if (event.ctrlKey || event.metaKey) this.one(hit);
    else return false;
    return true;
  }

  one(hit) {
    this.from = hit.image_id;
    this.onPick(hit);
  }

  // What a threshold hides lies between none.
  through(hit) {
    const shown = [...this.tiles].filter(([, { tile }]) => !tile.hidden).map(([id]) => id);
    const ends = [shown.indexOf(this.from), shown.indexOf(hit.image_id)];
    if (ends[0] < 0) return this.one(hit);
    this.from = hit.image_id;
    return this.onPickAll(shown.slice(Math.min(...ends), Math.max(...ends) + 1));
  }
}
