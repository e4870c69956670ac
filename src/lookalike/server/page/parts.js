// The parts of a query: what the address says of them, and what the server is asked.

import * as api from "./api.js";
import { keptPicture } from "./kept.js";

// A region of a gallery's picture is cut out of a copy of this side: far more than encoders see.
const REGION_SIDE = 2048;
const PLACES = 4;

// kind: "id" (an image of the gallery), "text", "up" (a picture from outside), "url".
export const makePart = (kind, value, rest = {}) => ({
  kind,
  value,
  weight: 1,
  region: null,
  ...rest,
});

export const isPicture = (each) => each.kind === "id" || each.kind === "up";

export const samePart = (one, other) => writtenPart(one) === writtenPart(other);

// "-0.5*id:12@0.1,0.2,0.5,0.5"; a text is written last, so that it may hold anything.
export function writtenPart({ kind, value, weight, region }) {
  const amount = weight === 1 ? "" : `${weight}*`;
  const box = region ? `@${region.map((each) => Number(each.toFixed(PLACES))).join(",")}` : "";
  return `${amount}${kind}${box}:${value}`;
}

export function readPart(written) {
  const found = /^(?:(-?[\d.]+)\*)?(id|text|up|url)(?:@([\d.,]+))?:(.+)$/s.exec(written);
  if (!found) return null;
  const [, amount, kind, box, text] = found;
  const weight = amount === undefined ? 1 : Number(amount);
  const value = kind === "id" ? Number(text) : text;
  if (!Number.isFinite(weight) || !weight || (kind === "id" && !Number.isSafeInteger(value)))
    return null;
  return makePart(kind, value, { weight, region: readRegion(box) });
}

function readRegion(box) {
  const region = (box ?? "").split(",").map(Number);
  const isBox = region.length === 4 && region.every((each) => each >= 0 && each <= 1);
  return isBox && region[2] > 0 && region[3] > 0 ? region : null;
}

// Turns parts into the server's form; pictures that have to be sent are listed beside. `rows`
// holds embeddings that stand for parts, so that theirs need not be sent.
export async function wired(gallery, parts, rows = null) {
  const pictures = [];
  const said = [];
  for (const [at, each] of parts.entries()) {
    const embedding = rows?.[at];
    const picture = embedding ? null : await pictureOf(gallery, each);
    const told = embedding
      ? { embedding }
      : picture
        ? { upload: pictures.push(picture) - 1, name: picture.name }
        : { [each.kind === "id" ? "image_id" : each.kind]: each.value };
    if (each.weight !== 1) told.weight = each.weight;
    if (picture && each.region) told.region = fitted(each.region);
    said.push(told);
  }
  return { said, pictures };
}

async function pictureOf(gallery, { kind, value, region }) {
  if (kind === "up") {
    const kept = await keptPicture(value);
    if (kept) return kept;
    throw new GoneError();
  }
  if (kind !== "id" || !region) return null;
  const copy = await (await api.ask(api.thumbnail(gallery, value, REGION_SIDE))).blob();
  return new File([copy], `image ${value}`, { type: copy.type });
}

// Fractions that were rounded for the address must not reach over the edge.
function fitted([left, top, width, height]) {
  return [left, top, Math.min(width, 1 - left), Math.min(height, 1 - top)]
    .map((each) => each.toFixed(PLACES + 2))
    .join(",");
}

export class GoneError extends Error {
  constructor() {
    super(
      "The picture that this address searched with is not here any more: pictures you drop stay " +
        "on your side, and only while the tab is open. Drop it again to search with it.",
    );
    this.name = "GoneError";
  }
}
