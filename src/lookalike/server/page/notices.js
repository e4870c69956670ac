// Short news in the corner, and the same for screen readers.

import { button, h, part } from "./dom.js";

const STAYS_MS = 6000;

// A dialog lies over all that is not inside it, where nothing can be pressed, or is read out: as
// long as one is open, news are shown within it. At a door there is nothing to tell.
export function followDialogs() {
  const movable = [part("notices"), part("told")];
  const follow = () => {
    const open = [...document.querySelectorAll("dialog[open]:not(.sign-in)")].at(-1);
    const host = open ?? document.body;
    if (movable[0].parentElement !== host) host.append(...movable);
  };
  const watched = { attributes: true, attributeFilter: ["open"], subtree: true };
  new MutationObserver(follow).observe(document.body, watched);
}

export function tell(words) {
  part("told").textContent = words;
}

// A notice; `act` adds a button. One of the same key takes the other's place.
export function notice(words, { key = words, act = null, kind = "", stays = false } = {}) {
  const box = part("notices");
  box.querySelector(`[data-key="${CSS.escape(key)}"]`)?.remove();
  const close = () => {
    made.remove();
    clearTimeout(timer);
  };
  const made = h(
    "div",
    { class: `notice ${kind}`, "data-key": key, role: kind === "wrong" ? "alert" : "status" },
    h("p", {}, words),
    act &&
      button(act.words, {
        kind: "small",
        on: () => {
          close();
          act.act();
        },
      }),
    button("", { sign: "close", label: "Close", kind: "quiet", on: close }),
  );
  let timer = stays || kind === "wrong" ? 0 : setTimeout(() => made.remove(), STAYS_MS);
  // Whoever reads it keeps it.
  for (const name of ["pointerenter", "focusin"])
    made.addEventListener(name, () => clearTimeout(timer));
  made.addEventListener("pointerleave", () => {
    if (!stays && kind !== "wrong") timer = setTimeout(() => made.remove(), STAYS_MS);
  });
  box.append(made);
  return close;
}

export function wrong(error, key) {
  if (error.name === "AbortError" || error.name === "Unreachable") return;
  notice(error.message, { key, kind: "wrong" });
}

// A job's line with a bar; `show` is called with a share from 0 to 1, or null for unknown.
export function progressNotice(words, onCancel = null) {
  const bar = h("progress", { max: "1", "aria-label": words });
  const line = h("p", {}, words);
  const made = h(
    "div",
    { class: "notice working", role: "group", "aria-label": words },
    h("div", { class: "grow" }, line, bar),
    onCancel && button("", { sign: "close", label: "Cancel", kind: "quiet", on: onCancel }),
  );
  part("notices").append(made);
  // Said once: each step of it would drown everything else.
  tell(words);
  return {
    show(share, said = words) {
      if (share === null) bar.removeAttribute("value");
      else bar.value = share;
      if (line.textContent !== said) line.textContent = said;
    },
    close: () => made.remove(),
  };
}
