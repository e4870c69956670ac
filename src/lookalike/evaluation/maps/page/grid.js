// A grid over the points: those of one cell, and of cells side by side, lie together in `order`.

export const WORLD = 65536;
const POINTS_PER_CELL = 4;
const MOST_CELLS = 256;

export function makeGrid(x, y) {
  const count = x.length;
  const side = Math.max(1, Math.min(MOST_CELLS, Math.round(Math.sqrt(count / POINTS_PER_CELL))));
  const cell = (value) => Math.floor((value * side) / WORLD);
  const starts = new Uint32Array(side * side + 1);
  for (let point = 0; point < count; point++) starts[cell(y[point]) * side + cell(x[point]) + 1]++;
  for (let at = 1; at < starts.length; at++) starts[at] += starts[at - 1];
  const next = starts.slice(0, -1);
  const order = new Uint32Array(count);
  const sortedX = new Uint16Array(count);
  const sortedY = new Uint16Array(count);
  for (let point = 0; point < count; point++) {
    const at = next[cell(y[point]) * side + cell(x[point])]++;
    order[at] = point;
    sortedX[at] = x[point];
    sortedY[at] = y[point];
  }
  return { side, starts, order, x: sortedX, y: sortedY };
}

// Calls `visit(from, to)` with the runs of `order` whose cells meet a rectangle of the world.
export function eachRun(grid, left, top, right, bottom, visit) {
  const { side, starts } = grid;
  const cell = (value) => Math.max(0, Math.min(side - 1, Math.floor((value * side) / WORLD)));
  if (right < 0 || bottom < 0 || left >= WORLD || top >= WORLD) return;
  const [first, last] = [cell(left), cell(right)];
  for (let row = cell(top); row <= cell(bottom); row++) {
    const from = starts[row * side + first];
    const to = starts[row * side + last + 1];
    if (to > from) visit(from, to);
  }
}

// Finds the point nearest to a place of the world, within a radius; -1 where there is none.
export function nearestPoint(grid, x, y, radius, isCandidate) {
  let best = -1;
  let bestGap = radius * radius;
  eachRun(grid, x - radius, y - radius, x + radius, y + radius, (from, to) => {
    for (let at = from; at < to; at++) {
      const gap = (grid.x[at] - x) ** 2 + (grid.y[at] - y) ** 2;
      if (gap <= bestGap && isCandidate(grid.order[at])) {
        best = grid.order[at];
        bestGap = gap;
      }
    }
  });
  return best;
}
