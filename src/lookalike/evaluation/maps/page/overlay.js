// What lies over the points: names, pictures, the point under the pointer.

import { shortened } from "./data.js";
import { eachRun } from "./grid.js";

const MOST_NAMES = 60;
const NAME_PIXELS = 13;
const MOST_LETTERS = 30;
const PICTURE_PIXELS = 72;
const CLOSE_UP = 200;
const MOST_LOADED = 800;
const MOST_LOADING = 8;

export class Overlay {
  constructor(canvas, map) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.map = map;
    this.labels = new Map();
    this.pictures = new Map();
    this.drawn = [];
    this.named = [];
    this.loading = 0;
  }

  resize(width, height) {
    this.canvas.width = width;
    this.canvas.height = height;
    this.forget();
  }

  // Names are drawn once and copied from then on, in the colours of the day.
  forget() {
    this.labels.clear();
  }

  draw() {
    const { context, canvas, map } = this;
    context.clearRect(0, 0, canvas.width, canvas.height);
    this.drawn = [];
    this.named = [];
    if (map.options.pictures || map.inView <= CLOSE_UP) this.drawPictures();
    if (map.options.names && map.column.kind === "category") this.drawNames();
    for (const point of [map.selected, map.hovered]) if (point >= 0) this.drawMark(point);
  }

  // Writes names where there is room for them, those of the most points first.
  drawNames() {
    const { map } = this;
    const { column, view } = map;
    const taken = [];
    const least = view.covered.left;
    for (let value = 0; value < column.values.length && taken.length < MOST_NAMES; value++) {
      if (!map.shownCodes.has(value)) continue;
      const [x, y] = view.toScreen(column.placeX[value], column.placeY[value]);
      if (x < least || y < 0 || x > this.canvas.width || y > this.canvas.height) continue;
      const label = this.label(column.values[value]);
      const most = this.canvas.width - label.width;
      const left = Math.max(least, Math.min(most, Math.round(x - label.width / 2)));
      const top = Math.round(y - label.height / 2);
      const [right, bottom] = [left + label.width, top + label.height];
      const isFree = taken.every(
        (other) => right < other[0] || left > other[2] || bottom < other[1] || top > other[3],
      );
      if (!isFree) continue;
      taken.push([left, top, right, bottom]);
      this.named.push({ name: column.values[value], left, top, right, bottom });
      this.context.drawImage(label, left, top);
    }
  }

  label(text) {
    if (this.labels.has(text)) return this.labels.get(text);
    const { ratio, theme } = this.map;
    const canvas = document.createElement("canvas");
    const context = canvas.getContext("2d");
    const font = `600 ${NAME_PIXELS * ratio}px system-ui, sans-serif`;
    const shown = shortened(text, MOST_LETTERS);
    context.font = font;
    canvas.width = Math.ceil(context.measureText(shown).width) + 8 * ratio;
    canvas.height = Math.ceil(NAME_PIXELS * ratio * 1.5);
    context.font = font;
    context.textBaseline = "middle";
    context.lineJoin = "round";
    context.lineWidth = 3.5 * ratio;
    context.strokeStyle = theme.background;
    context.fillStyle = theme.ink;
    context.strokeText(shown, 4 * ratio, canvas.height / 2);
    context.fillText(shown, 4 * ratio, canvas.height / 2);
    this.labels.set(text, canvas);
    return canvas;
  }

  // Draws one picture for each cell of a grid that lies on the map and not on the screen, so that
  // the choice stays while the map is moved.
  drawPictures() {
    const { map } = this;
    const { view, grid, data } = map;
    const side = PICTURE_PIXELS * map.ratio;
    const cell = (side * 1.14) / (view.fitted * 2 ** (Math.round(2 * Math.log2(view.zoom)) / 2));
    const [left, top] = view.toWorld(-side, -side);
    const [right, bottom] = view.toWorld(this.canvas.width + side, this.canvas.height + side);
    const chosen = new Map();
    eachRun(grid, left, top, right, bottom, (from, to) => {
      for (let at = from; at < to; at++) {
        if (!map.isShown[at]) continue;
        const [column, row] = [Math.floor(grid.x[at] / cell), Math.floor(grid.y[at] / cell)];
        const key = row * 65536 + column;
        const gap =
          (grid.x[at] - (column + 0.5) * cell) ** 2 + (grid.y[at] - (row + 0.5) * cell) ** 2;
        const best = chosen.get(key);
        // Those in the page come first: others are read from the disk.
        const cost = gap + (data.hasThumbnail(grid.order[at]) ? 0 : 8 * cell * cell);
        if (best === undefined || cost < best.cost) chosen.set(key, { cost, point: grid.order[at] });
      }
    });
    for (const { point } of chosen.values()) this.drawPicture(point);
  }

  drawPicture(point) {
    const { map, context } = this;
    const image = this.picture(point);
    if (image === null) return;
    const [x, y] = map.view.toScreen(map.data.x[point], map.data.y[point]);
    const { width, height } = image;
    const [left, top] = [Math.round(x - width / 2), Math.round(y - height / 2)];
    const rim = 1.5 * map.ratio;
    context.fillStyle = map.colourOf(point);
    context.fillRect(left - rim, top - rim, width + 2 * rim, height + 2 * rim);
    context.drawImage(image, left, top);
    this.drawn.push({ point, left, top, right: left + width, bottom: top + height });
  }

  // Gives a picture as a small canvas; null until it is loaded, when the map is drawn again.
  picture(point) {
    const known = this.pictures.get(point);
    if (known !== undefined || this.loading >= MOST_LOADING) return known ?? null;
    if (this.pictures.size >= MOST_LOADED) {
      this.pictures.delete(this.pictures.keys().next().value);
    }
    this.pictures.set(point, null);
    this.loading++;
    const image = new Image();
    image.src = this.map.data.thumbnail(point) ?? this.map.data.url(point);
    image
      .decode()
      .then(() => this.pictures.set(point, reduced(image, PICTURE_PIXELS * this.map.ratio)))
      .catch(() => undefined) // the file is gone: its point is there all the same
      .finally(() => {
        this.loading--;
        this.map.soon();
      });
    return null;
  }

  pictureAt(x, y) {
    return boxAt(this.drawn, x, y)?.point ?? -1;
  }

  // The whole name that is written at a place, where it had to be cut.
  nameAt(x, y) {
    const name = boxAt(this.named, x, y)?.name ?? "";
    return shortened(name, MOST_LETTERS) === name ? "" : name;
  }

  drawMark(point) {
    const { context, map } = this;
    const [x, y] = map.view.toScreen(map.data.x[point], map.data.y[point]);
    context.strokeStyle = map.theme.accent;
    context.lineWidth = 3 * map.ratio;
    context.beginPath();
    context.arc(x, y, map.radius + 5 * map.ratio, 0, 2 * Math.PI);
    context.stroke();
  }
}

function boxAt(boxes, x, y) {
  return boxes.findLast(
    (each) => x >= each.left && x <= each.right && y >= each.top && y <= each.bottom,
  );
}

// Copies a picture at the size that the map shows, so that a large one is scaled once.
function reduced(image, side) {
  const scale = side / Math.max(image.naturalWidth, image.naturalHeight, 1);
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(image.naturalWidth * scale));
  canvas.height = Math.max(1, Math.round(image.naturalHeight * scale));
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas;
}
