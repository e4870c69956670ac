// Modules and style sheets that are loaded when they are first needed.

import { watchers } from "./api.js";
import { h } from "./dom.js";
import { notice } from "./notices.js";

const tries = new Map();

// The module; null where the server does not send it just now. Browsers keep that a module did not
// come, so that it is asked for by another address the next time.
export async function late(name, load = (address) => import(address)) {
  const address = new URL(`./${name}`, import.meta.url);
  const tried = tries.get(name) ?? 0;
  if (tried) address.searchParams.set("again", tried);
  try {
    return await load(address.href);
  } catch {
    tries.set(name, tried + 1);
    // It is tried again when the server answers. What does not come then, either, may be something
    // that it needs itself, or be kept back on the way: trying on would have no end.
    if (!tried) watchers.unreachable();
    else
      notice("A part of this page could not be loaded.", {
        kind: "wrong",
        key: "late",
        act: { words: "Reload", act: () => location.reload() },
      });
    return null;
  }
}

// Resolves when it holds.
export const styleSheet = (href) =>
  new Promise((resolve, reject) => {
    const missed = () => {
      link.remove();
      reject(new Error(href));
    };
    const link = h("link", { rel: "stylesheet", href, on: { load: resolve, error: missed } });
    document.head.append(link);
  });
