// What pictures from outside were embedded as. A picture is sent once: later pages, other weights
// and filters are asked with the numbers that its first answer told.

import { writtenPart } from "./parts.js";

const MOST = 64;
const kept = new Map();

const isSent = ({ kind, region }) => kind === "up" || (kind === "id" && region !== null);
const keyOf = (gallery, each) => JSON.stringify([gallery, writtenPart({ ...each, weight: 1 })]);

export const hasPictures = ({ parts }) => parts.some(isSent);

// Only what the picture shows follows from its numbers, not which files it is a copy of.
const isAskedForCopies = ({ parts, isWithoutCopies }) =>
  isWithoutCopies || parts.some((each) => each.kind === "id" && !each.region);

// A row for each part that else would be sent, null for the others; null where one is not known.
export function rowsOf(state) {
  if (!hasPictures(state) || isAskedForCopies(state)) return null;
  const rows = state.parts.map((each) =>
    isSent(each) ? kept.get(keyOf(state.gallery, each))?.row : null,
  );
  return rows.includes(undefined) ? null : rows;
}

export function keepRows({ gallery, parts }, told) {
  for (const [at, each] of parts.entries()) {
    if (!isSent(each) || !told?.[at]) continue;
    kept.set(keyOf(gallery, each), { row: told[at], kind: each.kind });
    if (kept.size > MOST) kept.delete(kept.keys().next().value);
  }
}

// An image of a gallery that has changed may be another picture by now ("id"); after a server was
// away, all may be made by another encoder.
export function forgetRows(kind = null) {
  for (const [key, each] of kept) if (kind === null || each.kind === kind) kept.delete(key);
}
