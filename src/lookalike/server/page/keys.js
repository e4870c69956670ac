// Keys that hold for the whole page; those of the grid and of dialogs are theirs.

import { isWriting, part } from "./dom.js";
import { late } from "./late.js";

export function listenToKeys({ results, basket, refine, session }) {
  const help = () => openHelp(session());
  const keys = {
    "/": () => part("text").focus(),
    "?": help,
    a: () => part("all").click(),
    m: () => part("map").click(),
    b: () => basket.open(),
  };
  part("help").addEventListener("click", help);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "Escape") return leave(event);
    if (isWriting(event.target)) return;
    const isAtGrid = event.key === "ArrowDown" && event.target === part("results");
    const act = isAtGrid && results.answer ? () => results.grid.focus(null) : keys[event.key];
    if (!act) return;
    act();
    event.preventDefault();
  });

  // Out of the sheet, or out of the text field, to the pictures.
  function leave(event) {
    if (refine.fold()) event.preventDefault();
    else if (event.target === part("text")) part("results").focus();
  }
}

async function openHelp({ needs_token: needsToken }) {
  const help = await late("help.js");
  const door = needsToken ? await late("signing-in.js") : null;
  // Somebody may have pressed twice, or gone on to something else, while it was loaded.
  if (!help || document.querySelector("dialog[open]")) return;
  help.openHelp(door?.signOutButton(() => location.reload()));
}
