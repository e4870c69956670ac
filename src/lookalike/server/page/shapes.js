// Shapes of pictures, and how large they are drawn; the size that somebody chose is remembered.

// Panoramas and strips would take a whole row: they are cut at these shapes.
const [NARROWEST, WIDEST] = [0.55, 2.4];
const SIDES = [128, 256, 512, 1024];
const USUAL = SIDES.indexOf(512);
const SCALES = [0.6, 0.8, 1, 1.4, 2];
const KEPT = "lookalike.size";

const shapeOf = ({ width, height }) => (width || 1) / (height || 1);

export const ratioOf = (image) => Math.min(WIDEST, Math.max(NARROWEST, shapeOf(image)));

// The side of a small picture that fills a tile so high, sharp on dense screens. What lies beyond
// the edges of the tile counts, too: of a panorama only the middle is seen.
export function sideFor(height, image) {
  const [shape, ratio] = [shapeOf(image), ratioOf(image)];
  const longest = Math.max(shape, 1) * (shape < ratio ? ratio / shape : 1);
  const wanted = height * longest * Math.min(2, devicePixelRatio || 1) * 0.85;
  const most = shape === ratio && scale <= 1 ? USUAL : SIDES.length - 1;
  return SIDES.slice(0, most).find((side) => side >= wanted) ?? SIDES[most];
}

let scale = 1;

export const rowHeight = () => (innerWidth < 600 ? 112 : 168) * scale;

const next = (way) => SCALES[SCALES.indexOf(scale) + way];

export const canResize = (way) => next(way) !== undefined;

// One step larger (1) or smaller (-1).
export function resize(way) {
  take(next(way) ?? scale);
  try {
    localStorage.setItem(KEPT, String(scale));
  } catch {
    // Then it holds for this page only.
  }
}

function take(chosen) {
  scale = chosen;
  document.documentElement.style.setProperty("--scale", chosen);
}

try {
  const kept = Number(localStorage.getItem(KEPT));
  if (SCALES.includes(kept)) take(kept);
} catch {
  // Storage may be forbidden.
}
