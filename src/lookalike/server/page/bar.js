// The bar at the top as a gallery has it: what can be asked, and which gallery is shown.

import { isTouched, part } from "./dom.js";

export function showBar(state, gallery, canWrite) {
  const text = part("text");
  text.placeholder = hintOf(gallery, isTouched());
  // Whoever tries to write all the same is told why not (input.js).
  text.readOnly = !gallery.has_text && !gallery.can_fetch_urls;
  for (const name of ["all", "map"])
    part(name).setAttribute("aria-pressed", String(state.view === name));
  part("add").hidden = !canWrite;
  part("add").classList.remove("unknown");
  part("galleries").value = state.gallery;
}

function hintOf({ has_text: hasText }, isByFinger) {
  if (!hasText) return isByFinger ? "Search with a picture" : "Drop or paste a picture";
  return isByFinger ? "Describe what you look for" : "Describe it, or drop a picture";
}

export function listGalleries(galleries) {
  const select = part("galleries");
  select.replaceChildren(...galleries.map(({ name }) => new Option(name, name)));
  select.hidden = galleries.length < 2;
}
