// Puts the page together: data, panel, map, the card of a point, and the picture in large.

import { readMap } from "./data.js";
import { PictureMap } from "./map.js";
import { Panel } from "./panel.js";

const NARROW_PIXELS = 720;

export function start(root, facts, thumbnails) {
  const data = readMap(facts, thumbnails);
  const part = (name) => root.querySelector(`[data-part="${name}"]`);
  const panel = new Panel(root, data);
  const isNarrow = () => root.clientWidth <= NARROW_PIXELS;
  const covered = () => {
    const { offsetWidth, offsetHeight } = part("panel");
    return isNarrow() ? { left: 0, bottom: offsetHeight } : { left: offsetWidth, bottom: 0 };
  };
  const map = new PictureMap(part("stage"), data, {
    covered,
    onHover: (point) => showCard(root, data, map, point, isNarrow()),
    onOpen: (point) => openPicture(root, data, point),
    onMove: () => placeCard(root, part("card"), isNarrow()),
  });
  root.pictureMap = map;
  panel.attach(map);
  part("nearer").addEventListener("click", () => map.zoom(1.6));
  part("farther").addEventListener("click", () => map.zoom(1 / 1.6));
  part("whole").addEventListener("click", () => map.fit());
  const fold = () => {
    const isFolded = part("panel").classList.toggle("folded");
    part("fold").setAttribute("aria-expanded", !isFolded);
    map.resize();
  };
  part("fold").addEventListener("click", fold);
  if (isNarrow()) fold(); // a phone shows the map first
  part("open").addEventListener("click", () => openPicture(root, data, map.selected));
  return map;
}

// Shows what is known of a point beside it; at the bottom where the window is narrow.
function showCard(root, data, map, point, isNarrow) {
  const part = (name) => root.querySelector(`[data-part="${name}"]`);
  const card = part("card");
  card.hidden = point < 0;
  if (point < 0) return;
  fill(part("small"), data.thumbnail(point) ?? data.url(point), data.names[point]);
  part("name").textContent = data.names[point];
  part("folder").textContent = data.folderNameOf(point);
  const lines = [...new Set([data.columns.find((each) => each.name === "cluster"), map.column])];
  part("values").replaceChildren(
    ...lines.flatMap((column) => [named("dt", column.title), named("dd", column.shown(point))]),
  );
  part("rare").hidden = !data.isOutlier[point];
  part("open").hidden = map.selected !== point;
  if (point === map.selected) part("told").textContent = `${data.names[point]} is selected`;
  placeCard(root, card, isNarrow);
}

// Keeps the card beside its point while the map moves.
function placeCard(root, card, isNarrow) {
  const map = root.pictureMap;
  if (card.hidden || !map) return;
  if (isNarrow) {
    card.style.transform = "";
    return;
  }
  const [x, y] = map.screenPlace(map.hovered >= 0 ? map.hovered : map.selected);
  const { offsetWidth: width, offsetHeight: height } = card;
  const { clientWidth, clientHeight } = map.box;
  const left = x + width + 24 > clientWidth ? x - width - 18 : x + 18;
  const top = Math.max(8, Math.min(y - height / 3, clientHeight - height - 8));
  card.style.visibility = x < 0 || y < 0 || x > clientWidth || y > clientHeight ? "hidden" : "";
  card.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
}

// Opens the file itself; its small picture where the file is not there any more.
function openPicture(root, data, point) {
  if (point < 0) return;
  const part = (name) => root.querySelector(`[data-part="${name}"]`);
  fill(part("large"), data.url(point), data.names[point], data.thumbnail(point));
  part("path").textContent = data.path(point);
  part("file").href = data.url(point);
  part("dialog").showModal();
}

function fill(image, source, name, instead = null) {
  image.alt = name;
  image.onerror = () => {
    image.onerror = () => image.removeAttribute("src");
    if (instead) image.src = instead;
    else image.removeAttribute("src");
    image.alt = `${name} cannot be read from here`;
  };
  image.src = source;
}

function named(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}
