// The map's data: numbers packed as Base64, little endian, and what can be asked of them.

const KINDS = { u16: Uint16Array, u32: Uint32Array, f32: Float32Array, f64: Float64Array };

// Code of a point without a value.
export const NO_VALUE = 65535;

export function unpacked(packed) {
  const letters = atob(packed.data);
  const bytes = new Uint8Array(letters.length);
  for (let at = 0; at < letters.length; at++) bytes[at] = letters.charCodeAt(at);
  return new KINDS[packed.kind](bytes.buffer);
}

// Turns the JSON that Python wrote into arrays; `thumbnails` is one long text of Base64, or gives
// the address of a point's small picture.
export function readMap(facts, thumbnails) {
  const folderOf = unpacked(facts.folder);
  const columns = facts.columns.map((column) => readColumn(column, facts));
  const isOutlier = new Uint8Array(facts.count);
  const outliers = unpacked(facts.outliers);
  for (const point of outliers) isOutlier[point] = 1;
  const separator = facts.separator;
  return {
    ...facts,
    x: unpacked(facts.x),
    y: unpacked(facts.y),
    columns,
    outliers,
    isOutlier,
    folderNameOf: (point) => facts.folders[folderOf[point]].path,
    path: (point) => facts.folders[folderOf[point]].path + separator + facts.names[point],
    url: (point) =>
      facts.folders[folderOf[point]].url +
      (facts.odd_names[point] ?? encodeURIComponent(facts.names[point])),
    ...smallPictures(facts, thumbnails),
  };
}

function smallPictures(facts, thumbnails) {
  if (typeof thumbnails === "function") return { hasThumbnail: () => true, thumbnail: thumbnails };
  const starts = unpacked(facts.thumbnail_starts);
  return {
    hasThumbnail: (point) => starts[point] < starts[point + 1],
    thumbnail: (point) =>
      starts[point] === starts[point + 1]
        ? null
        : "data:image/jpeg;base64," + thumbnails.slice(starts[point], starts[point + 1]),
  };
}

function readColumn(column, facts) {
  if (column.kind === "category") {
    const codes = unpacked(column.codes);
    return {
      ...column,
      codes,
      counts: unpacked(column.counts),
      placeX: unpacked(column.place_x),
      placeY: unpacked(column.place_y),
      shades: column.colours.map((number) => facts.palette[number]),
      shown: (point) => (codes[point] === NO_VALUE ? "none" : column.values[codes[point]]),
    };
  }
  const values = unpacked(column.numbers);
  return { ...column, values, shown: (point) => shownNumber(column, values[point]) };
}

// Names of files and clusters often differ at their ends only: both ends are shown.
export function shortened(text, most) {
  const letters = [...text];
  if (letters.length <= most) return text;
  const [head, tail] = [Math.ceil((most - 1) / 2), Math.floor((most - 1) / 2)];
  return letters.slice(0, head).join("") + "…" + letters.slice(-tail).join("");
}

export function shownNumber(column, value) {
  if (!Number.isFinite(value)) return "none";
  if (column.kind === "moment") return new Date(value * 1000).toISOString().slice(0, 10);
  const isWhole = Number.isInteger(value) && Math.abs(value) < 1e9;
  return isWhole ? value.toLocaleString("en") : String(Number(value.toPrecision(3)));
}
