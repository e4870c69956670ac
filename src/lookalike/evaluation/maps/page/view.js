// Which part of the map is seen: pixels = world * scale + offset.

const CLOSEST = 96;
const MARGIN = 0.06;

export class View {
  constructor(worldWidth, worldHeight) {
    this.world = [Math.max(worldWidth, 1), Math.max(worldHeight, 1)];
    this.size = [1, 1];
    this.scale = this.fitted = 1;
    this.offset = [0, 0];
  }

  // Keeps the middle where it is when the window changes.
  resize(width, height, covered) {
    const isNew = this.size[0] === 1;
    const wasFitted = Math.abs(this.scale / this.fitted - 1) < 1e-6;
    const middle = this.toWorld(this.size[0] / 2, this.size[1] / 2);
    this.size = [width, height];
    this.covered = covered;
    const room = [width - covered.left, height - covered.bottom];
    this.fitted =
      (1 - 2 * MARGIN) * Math.min(room[0] / this.world[0], room[1] / this.world[1]);
    if (isNew || wasFitted) this.fit();
    else this.moveTo(middle[0], middle[1]);
  }

  fit() {
    this.scale = this.fitted;
    const { left, bottom } = this.covered;
    this.offset = [
      left + (this.size[0] - left - this.world[0] * this.scale) / 2,
      (this.size[1] - bottom - this.world[1] * this.scale) / 2,
    ];
  }

  get zoom() {
    return this.scale / this.fitted;
  }

  toWorld(x, y) {
    return [(x - this.offset[0]) / this.scale, (y - this.offset[1]) / this.scale];
  }

  toScreen(x, y) {
    return [x * this.scale + this.offset[0], y * this.scale + this.offset[1]];
  }

  pan(dx, dy) {
    this.offset = [this.offset[0] + dx, this.offset[1] + dy];
    this.keepInside();
  }

  // Magnifies around a place on the screen, which stays where it is.
  zoomAt(factor, x, y) {
    const [worldX, worldY] = this.toWorld(x, y);
    this.scale = Math.max(0.6, Math.min(CLOSEST, this.zoom * factor)) * this.fitted;
    this.offset = [x - worldX * this.scale, y - worldY * this.scale];
    this.keepInside();
  }

  // Brings a place of the world into the middle.
  moveTo(worldX, worldY, zoom = this.zoom) {
    this.scale = Math.max(0.6, Math.min(CLOSEST, zoom)) * this.fitted;
    const middle = [
      (this.size[0] + this.covered.left) / 2,
      (this.size[1] - this.covered.bottom) / 2,
    ];
    this.offset = [middle[0] - worldX * this.scale, middle[1] - worldY * this.scale];
    this.keepInside();
  }

  // Some of the map stays on the screen, whatever is done.
  keepInside() {
    for (const axis of [0, 1]) {
      const length = this.world[axis] * this.scale;
      const edge = this.size[axis] / 4;
      this.offset[axis] = Math.max(
        edge - length,
        Math.min(this.size[axis] - edge, this.offset[axis]),
      );
    }
  }
}
