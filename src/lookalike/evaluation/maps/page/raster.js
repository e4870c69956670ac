// Draws points into pixels itself: a canvas is not made for 100,000 calls in a frame.

import { eachRun } from "./grid.js";

// Pixels that the points of one frame may cover, all added up.
const MOST_PIXELS = 1_500_000;

export function littleEndian(colour, alpha = 255) {
  const number = Number.parseInt(colour.slice(1), 16);
  return (
    ((alpha << 24) | ((number & 255) << 16) | (number & 0xff00) | ((number >> 16) & 255)) >>> 0
  );
}

export class Raster {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.stamps = new Map();
  }

  resize(width, height) {
    this.canvas.width = width;
    this.canvas.height = height;
    this.image = this.context.createImageData(width, height);
    this.pixels = new Uint32Array(this.image.data.buffer);
  }

  // Draws the points of a view and returns how many there are. `colours[at]` is that of the
  // point at a place of the grid's order; where `isShown[at]` is 0 it is drawn small, below. Of
  // each `stride` points one is drawn.
  draw(view, grid, { colours, isShown, isFiltered, background, radius, rings, stride }) {
    const { canvas, pixels } = this;
    pixels.fill(background);
    const reach = (radius + 1) / view.scale;
    const [left, top] = view.toWorld(0, 0);
    const [right, bottom] = view.toWorld(canvas.width, canvas.height);
    const runs = [];
    let count = 0;
    eachRun(grid, left - reach, top - reach, right + reach, bottom + reach, (from, to) => {
      runs.push(from, to);
      count += to - from;
    });
    const fitting = Math.sqrt(MOST_PIXELS / Math.max(count, 1) / Math.PI);
    const stamp = this.stamp(Math.min(radius, Math.max(fitting, 0.8)));
    const paint = (wanted, chosen) =>
      this.drawRuns(runs, view, grid, chosen, colours, isShown, wanted, stride);
    if (isFiltered) paint(0, this.stamp(Math.max(0.7, stamp.radius * 0.6)));
    paint(1, stamp);
    this.drawRings(view, rings);
    this.context.putImageData(this.image, 0, 0);
    return count;
  }

  drawRuns(runs, view, grid, stamp, colours, isShown, wanted, stride) {
    const { width, height } = this.canvas;
    const { pixels } = this;
    const { margin } = stamp;
    const { x: worldX, y: worldY } = grid;
    const { scale } = view;
    const [offsetX, offsetY] = view.offset;
    for (let run = 0; run < runs.length; run += 2) {
      // The same ones in every frame, wherever the run begins.
      const first = Math.ceil(runs[run] / stride) * stride;
      for (let at = first; at < runs[run + 1]; at += stride) {
        if (isShown[at] !== wanted) continue;
        const x = Math.round(worldX[at] * scale + offsetX);
        const y = Math.round(worldY[at] * scale + offsetY);
        if (x < margin || y < margin || x >= width - margin || y >= height - margin) continue;
        press(pixels, y * width + x, width, stamp, colours[at]);
      }
    }
  }

  // Draws rings around places of the grid's order.
  drawRings(view, { places, grid, radius, thickness, colour }) {
    const { width, height } = this.canvas;
    const stamp = this.stamp(radius, thickness);
    const { margin } = stamp;
    for (const at of places) {
      const x = Math.round(grid.x[at] * view.scale + view.offset[0]);
      const y = Math.round(grid.y[at] * view.scale + view.offset[1]);
      if (x < margin || y < margin || x >= width - margin || y >= height - margin) continue;
      press(this.pixels, y * width + x, width, stamp, colour);
    }
  }

  // The pixels of a disc, or of a ring so thick, around its middle.
  stamp(radius, thickness = 0) {
    const key = Math.round(radius * 4) * 1000 + Math.round(thickness * 4);
    if (!this.stamps.has(key)) this.stamps.set(key, makeStamp(radius, thickness));
    return this.stamps.get(key);
  }
}

// Mixes a colour into the pixels around one of them, two channels at a time.
function press(pixels, middle, width, stamp, colour) {
  const { dx, dy, alpha, length } = stamp;
  const redBlue = colour & 0xff00ff;
  const green = colour & 0x00ff00;
  for (let part = 0; part < length; part++) {
    const pixel = middle + dy[part] * width + dx[part];
    const share = alpha[part];
    if (share === 256) {
      pixels[pixel] = colour;
      continue;
    }
    const under = pixels[pixel];
    const rest = 256 - share;
    const outer = Math.imul(redBlue, share) + Math.imul(under & 0xff00ff, rest);
    const inner = Math.imul(green, share) + Math.imul(under & 0x00ff00, rest);
    pixels[pixel] = 0xff000000 | ((outer >>> 8) & 0xff00ff) | ((inner >>> 8) & 0x00ff00);
  }
}

// Lists pixels around a middle, each with the share of it that is covered, of 256.
function makeStamp(radius, thickness) {
  const [dx, dy, alpha] = [[], [], []];
  const margin = Math.ceil(radius + 1);
  for (let y = -margin; y <= margin; y++) {
    for (let x = -margin; x <= margin; x++) {
      const gap = Math.hypot(x, y);
      const inside = thickness ? thickness / 2 - Math.abs(gap - radius) : radius - gap;
      const share = Math.max(0, Math.min(1, inside + 0.5));
      if (share < 0.06) continue;
      dx.push(x);
      dy.push(y);
      alpha.push(Math.round(share * 256));
    }
  }
  return {
    radius,
    margin: margin + 1,
    length: dx.length,
    dx: Int32Array.from(dx),
    dy: Int32Array.from(dy),
    alpha: Int32Array.from(alpha),
  };
}
