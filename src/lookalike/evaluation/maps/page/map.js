// The map itself: two canvases in a box, moved by pointer, wheel, fingers and keys.

import { makeGrid, nearestPoint } from "./grid.js";
import { littleEndian, Raster } from "./raster.js";
import { NO_VALUE } from "./data.js";
import { View } from "./view.js";
import { Overlay } from "./overlay.js";

const RAMP_SHADES = 64;
const HIT_PIXELS = 14;
const CLICK_PIXELS = 5;
const MOST_DENSE = 2;
const STEP = 80;
const [SLOW_MS, FAST_MS, REST_MS] = [11, 4, 160];
const MOST_STRIDE = 8;
// So few are drawn in no time: what is slow then is the page that is being opened.
const NEVER_THINNED = 10_000;

export class PictureMap {
  // `covered` tells how many pixels of the box lie under something else. onHover and onOpen are
  // called with a point, or -1 for none; onMove after each frame.
  constructor(box, data, { covered, onHover, onOpen, onMove }) {
    Object.assign(this, { box, data, covered, onHover, onOpen, onMove });
    this.grid = makeGrid(data.x, data.y);
    this.view = new View(data.width, data.height);
    this.raster = new Raster(addCanvas(box));
    this.overlay = new Overlay(addCanvas(box), this);
    this.colours = new Uint32Array(data.count);
    this.isShown = new Uint8Array(data.count).fill(1);
    this.isPicked = (point) => this.isShown[this.placeOf[point]] === 1;
    this.placeOf = new Uint32Array(data.count);
    this.grid.order.forEach((point, at) => (this.placeOf[point] = at));
    this.shown = data.count;
    this.hovered = this.selected = -1;
    this.options = { names: true, outliers: true, pictures: false };
    this.isDue = false;
    this.stride = 1;
    this.listen();
    this.readTheme();
    this.colourBy(data.columns[0]);
    new ResizeObserver(() => this.resize()).observe(box);
    this.resize();
  }

  get isFiltered() {
    return this.shown < this.data.count;
  }

  resize() {
    this.ratio = Math.min(window.devicePixelRatio || 1, MOST_DENSE);
    const width = Math.max(1, Math.round(this.box.clientWidth * this.ratio));
    const height = Math.max(1, Math.round(this.box.clientHeight * this.ratio));
    this.raster.resize(width, height);
    this.overlay.resize(width, height);
    const { left, bottom } = this.covered();
    this.view.resize(width, height, { left: left * this.ratio, bottom: bottom * this.ratio });
    this.draw();
  }

  readTheme() {
    const style = getComputedStyle(this.box);
    const colour = (name) => style.getPropertyValue(name).trim();
    this.theme = {
      background: colour("--paper"),
      ink: colour("--ink"),
      faint: colour("--dimmed"),
      accent: colour("--accent"),
    };
    this.overlay.forget();
  }

  // Colours the points by a column and remembers it.
  colourBy(column) {
    this.column = column;
    const { order } = this.grid;
    const table = tableOf(column, this.data);
    const none = littleEndian(this.data.no_colour);
    const faint = littleEndian(this.theme.faint);
    this.shownCodes = new Set(); // only these have their names on the map
    for (let at = 0; at < order.length; at++) {
      if (this.isShown[at] && column.codes) this.shownCodes.add(column.codes[order[at]]);
      const shade = shadeOf(column, order[at], table.length);
      const colour = shade < 0 ? none : table[shade];
      this.colours[at] = this.isShown[at] ? colour : faint;
    }
    this.soon();
  }

  // The colour of a point, as a style sheet writes it.
  colourOf(point) {
    const shade = this.column.kind === "category" ? this.column.codes[point] : NO_VALUE;
    return shade === NO_VALUE ? this.data.no_colour : this.column.shades[shade];
  }

  // Picks the points that a test lets through; the others fade.
  filter(isPicked) {
    this.shown = 0;
    const { order } = this.grid;
    for (let at = 0; at < order.length; at++) {
      this.isShown[at] = isPicked === null || isPicked(order[at]) ? 1 : 0;
      this.shown += this.isShown[at];
    }
    this.colourBy(this.column);
  }

  // Draws before the next frame, once, however much has changed.
  soon() {
    if (this.isDue) return;
    this.isDue = true;
    requestAnimationFrame(() => this.draw());
  }

  draw(stride = this.stride) {
    this.isDue = false;
    const began = performance.now();
    const { view, grid, colours, isShown, isFiltered, radius, theme } = this;
    const background = littleEndian(theme.background);
    this.inView = this.raster.draw(view, grid, {
      colours, isShown, isFiltered, background, radius, rings: this.rings(), stride,
    });
    this.overlay.draw();
    this.onMove();
    this.keepUp(performance.now() - began);
  }

  // Leaves points out while a busy or slow machine cannot draw all of them in time for each
  // frame; as soon as nothing moves any more, they are drawn.
  keepUp(taken) {
    if (this.data.count <= NEVER_THINNED) return;
    if (taken > SLOW_MS) this.stride = Math.min(2 * this.stride, MOST_STRIDE);
    else if (taken < FAST_MS) this.stride = Math.max(1, this.stride / 2);
    clearTimeout(this.waiting);
    if (this.stride > 1) this.waiting = setTimeout(() => this.drawAll(), REST_MS);
  }

  drawAll() {
    this.draw(1);
    clearTimeout(this.waiting);
  }

  // Around the picked ones of the pictures that are like no other.
  rings() {
    const places = [];
    for (const point of this.options.outliers ? this.data.outliers : []) {
      if (this.isPicked(point)) places.push(this.placeOf[point]);
    }
    const colour = littleEndian(this.theme.ink);
    const { grid, ratio } = this;
    return { places, grid, colour, radius: this.radius + 2.5 * ratio, thickness: 1.1 * ratio };
  }

  // Of a point, in pixels of the canvas: more where there is room, and when magnified.
  get radius() {
    const [width, height] = this.view.size;
    const room = 0.2 * Math.sqrt((width * height) / Math.max(this.data.count, 1));
    const whole = Math.max(0.7 * this.ratio, Math.min(4 * this.ratio, room));
    return Math.min(9 * this.ratio, whole * this.view.zoom ** 0.4);
  }

  pointAt(clientX, clientY) {
    const bounds = this.box.getBoundingClientRect();
    const [x, y] = [(clientX - bounds.left) * this.ratio, (clientY - bounds.top) * this.ratio];
    const pictured = this.overlay.pictureAt(x, y);
    if (pictured >= 0) return pictured;
    const reach = (HIT_PIXELS * this.ratio) / this.view.scale;
    return nearestPoint(this.grid, ...this.view.toWorld(x, y), reach, this.isPicked);
  }

  screenPlace(point) {
    const place = this.view.toScreen(this.data.x[point], this.data.y[point]);
    return place.map((value) => value / this.ratio);
  }

  // What the mouse is over is told: a picture by its card, a name that was cut by the tip.
  point(clientX, clientY) {
    const found = this.pointAt(clientX, clientY);
    const { left, top } = this.box.getBoundingClientRect();
    const place = [(clientX - left) * this.ratio, (clientY - top) * this.ratio];
    const name = found < 0 ? this.overlay.nameAt(...place) : "";
    if (this.box.title !== name) this.box.title = name;
    this.hover(found);
  }

  hover(point) {
    if (point === this.hovered) return;
    this.hovered = point;
    this.onHover(point >= 0 ? point : this.selected);
    this.box.style.cursor = point >= 0 ? "pointer" : "";
    this.soon();
  }

  select(point) {
    this.selected = point;
    this.hovered = -1;
    this.onHover(point);
    this.soon();
  }

  // Selects a point and brings it into sight.
  show(point) {
    const [x, y] = this.view.toScreen(this.data.x[point], this.data.y[point]);
    const [width, height] = this.view.size;
    const margin = 40 * this.ratio;
    const left = this.covered().left * this.ratio;
    const isInside =
      x > left + margin && y > margin && x < width - margin && y < height - margin;
    if (!isInside) this.view.moveTo(this.data.x[point], this.data.y[point]);
    this.select(point);
  }

  zoom(factor) {
    const [width, height] = this.view.size;
    this.view.zoomAt(factor, width / 2, height / 2);
    this.soon();
  }

  fit() {
    this.view.fit();
    this.soon();
  }

  // Fits the picked points into the window.
  fitPicked() {
    const [xs, ys] = [[], []];
    this.grid.order.forEach((point, at) => {
      if (!this.isShown[at]) return;
      xs.push(this.data.x[point]);
      ys.push(this.data.y[point]);
    });
    if (!xs.length) return;
    const [left, right] = extremes(xs);
    const [top, bottom] = extremes(ys);
    const share = Math.max(
      (right - left) / this.view.world[0],
      (bottom - top) / this.view.world[1],
      0.05,
    );
    this.view.moveTo((left + right) / 2, (top + bottom) / 2, 0.8 / share);
    this.soon();
  }

  // The nearest picked point in a direction, for the keys.
  neighbor(dx, dy) {
    const from = this.selected;
    let best = -1;
    let bestGap = Infinity;
    for (let point = 0; point < this.data.count; point++) {
      if (point === from || !this.isPicked(point)) continue;
      const awayX = this.data.x[point] - this.data.x[from];
      const awayY = this.data.y[point] - this.data.y[from];
      const along = awayX * dx + awayY * dy;
      const across = Math.abs(awayX * dy) + Math.abs(awayY * dx);
      // What lies aside counts double: the next one straight on is what people expect.
      const gap = along + 2 * across;
      if (along > 0 && gap < bestGap) [best, bestGap] = [point, gap];
    }
    return best;
  }

  middlePoint() {
    const { size, covered } = this.view;
    const middle = this.view.toWorld((size[0] + covered.left) / 2, (size[1] - covered.bottom) / 2);
    return nearestPoint(this.grid, ...middle, 65536, this.isPicked);
  }

  onKey(event) {
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const way = ways[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (way && event.shiftKey) {
      const next = this.selected < 0 ? this.middlePoint() : this.neighbor(...way);
      if (next >= 0) this.show(next);
    } else if (way) {
      this.view.pan(-way[0] * STEP * this.ratio, -way[1] * STEP * this.ratio);
      this.soon();
    } else if (event.key === "+" || event.key === "=") this.zoom(1.4);
    else if (event.key === "-" || event.key === "_") this.zoom(1 / 1.4);
    else if (event.key === "0") this.fit();
    else if (event.key === "Escape") this.select(-1);
    else if (event.key === "Enter" || event.key === " ") {
      if (this.selected < 0) this.show(this.middlePoint());
      else this.onOpen(this.selected);
    } else return;
    event.preventDefault();
  }

  listen() {
    const { box } = this;
    const fingers = new Map();
    let travelled = 0;
    box.addEventListener("keydown", (event) => this.onKey(event));
    box.addEventListener("wheel", (event) => this.onWheel(event), { passive: false });
    box.addEventListener("pointerdown", (event) => {
      if (event.pointerType === "mouse" && event.button !== 0) return;
      box.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, [event.clientX, event.clientY]);
      if (fingers.size === 1) travelled = 0;
    });
    box.addEventListener("pointermove", (event) => {
      if (!fingers.has(event.pointerId)) {
        if (event.pointerType === "mouse") this.point(event.clientX, event.clientY);
        return;
      }
      const before = spread(fingers);
      fingers.set(event.pointerId, [event.clientX, event.clientY]);
      const after = spread(fingers);
      travelled += Math.hypot(after.x - before.x, after.y - before.y) + Math.abs(after.gap - before.gap);
      if (travelled > CLICK_PIXELS) this.drag(before, after);
    });
    const lift = (event) => {
      if (!fingers.delete(event.pointerId) || fingers.size) return;
      if (event.type === "pointerup" && travelled <= CLICK_PIXELS) this.click(event);
    };
    box.addEventListener("pointerup", lift);
    box.addEventListener("pointercancel", lift);
    box.addEventListener("pointerleave", () => this.hover(-1));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      this.readTheme();
      this.colourBy(this.column);
    });
  }

  onWheel(event) {
    event.preventDefault();
    const bounds = this.box.getBoundingClientRect();
    const lines = event.deltaMode === 1 ? 16 : 1;
    const turned = Math.max(-120, Math.min(120, event.deltaY * lines));
    const place = [event.clientX - bounds.left, event.clientY - bounds.top];
    this.view.zoomAt(Math.exp(-turned / 300), place[0] * this.ratio, place[1] * this.ratio);
    this.soon();
  }

  // Moves with one finger or the mouse, magnifies with two.
  drag(before, after) {
    const bounds = this.box.getBoundingClientRect();
    this.view.pan((after.x - before.x) * this.ratio, (after.y - before.y) * this.ratio);
    if (before.gap && after.gap) {
      const place = [after.x - bounds.left, after.y - bounds.top];
      this.view.zoomAt(after.gap / before.gap, place[0] * this.ratio, place[1] * this.ratio);
    }
    this.soon();
  }

  // A mouse opens the picture at once; a finger, which cannot hover, selects it first.
  click(event) {
    const point = this.pointAt(event.clientX, event.clientY);
    const isKnown = event.pointerType === "mouse" || point === this.selected;
    this.select(point);
    if (point >= 0 && isKnown) this.onOpen(point);
  }
}

function addCanvas(box) {
  const canvas = document.createElement("canvas");
  canvas.setAttribute("aria-hidden", "true");
  box.append(canvas);
  return canvas;
}

function tableOf(column, data) {
  if (column.kind === "category") return column.shades.map((shade) => littleEndian(shade));
  return Array.from({ length: RAMP_SHADES }, (_, at) =>
    littleEndian(mixed(data.ramp, at / (RAMP_SHADES - 1))),
  );
}

function shadeOf(column, point, shades) {
  if (column.kind === "category") {
    return column.codes[point] === NO_VALUE ? -1 : column.codes[point];
  }
  const share = (column.values[point] - column.low) / (column.high - column.low || 1);
  return Number.isNaN(share)
    ? -1
    : Math.round(Math.max(0, Math.min(1, share)) * (shades - 1));
}

// The colour at a share of a ramp of colours.
export function mixed(ramp, share) {
  const place = share * (ramp.length - 1);
  const low = Math.min(Math.floor(place), ramp.length - 2);
  const part = (stop, at) => Number.parseInt(ramp[stop].slice(at, at + 2), 16);
  const channels = [1, 3, 5].map((at) => {
    const value = part(low, at) + (place - low) * (part(low + 1, at) - part(low, at));
    return Math.round(value).toString(16).padStart(2, "0");
  });
  return "#" + channels.join("");
}

function spread(fingers) {
  const places = [...fingers.values()].slice(0, 2);
  const [first, second] = [places[0], places[1] ?? places[0]];
  return {
    x: (first[0] + second[0]) / 2,
    y: (first[1] + second[1]) / 2,
    gap: places[1] ? Math.hypot(first[0] - second[0], first[1] - second[1]) : 0,
  };
}

function extremes(values) {
  return [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
}
