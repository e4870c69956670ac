// What is known of a picture, in lines.

import { h, readable, shownSize } from "./dom.js";
import { shownColumn } from "./filters.js";

export function factsOf(hit, meaning) {
  const moment = (text) => text && text.replace("T", " ").slice(0, 16);
  const megapixels = (hit.width * hit.height) / 1e6;
  const sides =
    hit.width &&
    `${hit.width} × ${hit.height}${megapixels >= 1 ? ` · ${megapixels.toFixed(1)} MP` : ""}`;
  const place =
    hit.latitude !== undefined &&
    hit.longitude !== undefined &&
    `${hit.latitude.toFixed(4)}, ${hit.longitude.toFixed(4)}`;
  const rows = [
    ["Pixels", sides],
    ["File", [hit.format, hit.size_bytes && shownSize(hit.size_bytes)].filter(Boolean).join(" · ")],
    ["Taken", moment(hit.taken)],
    ["Camera", hit.camera],
    ["Place", place],
    ["Added", moment(hit.indexed_at)],
    ["Id", String(hit.image_id)],
    ["Path", readable(hit.path)],
  ];
  return h("div", {}, hit.score === undefined ? null : scoreOf(hit, meaning), table(rows));
}

function scoreOf({ score, rank }, meaning) {
  return h(
    "div",
    { class: "big-score" },
    h("p", {}, h("strong", {}, score.toFixed(3)), ` place ${rank}`),
    h("p", {}, meaning ?? "cosine"),
  );
}

export function metadataOf({ metadata }) {
  const rows = Object.entries(metadata ?? {}).map(([key, value]) => [
    shownColumn(key),
    shownValue(value),
  ]);
  return rows.length ? h("div", {}, h("h3", {}, "Metadata"), table(rows)) : "";
}

function shownValue(value) {
  return readable(typeof value === "object" && value !== null ? JSON.stringify(value) : value);
}

function table(rows) {
  const told = rows.filter(([, value]) => value);
  return h(
    "dl",
    { class: "facts" },
    told.map(([key, value]) => [h("dt", {}, key), h("dd", {}, value)]),
  );
}
