// The address of what is shown, to take elsewhere.

import { isTouched } from "./dom.js";
import { notice } from "./notices.js";

const COPIED = "Link copied.";
const ONLY_HERE =
  "Link copied. It works in this browser only: the picture you gave is not in it, and is not kept by the server.";

export async function giveLink({ parts }) {
  const words = parts.some((each) => each.kind === "up") ? ONLY_HERE : COPIED;
  const address = location.href;
  // Phones have a way of their own, which says itself what became of it.
  if (isTouched() && navigator.share && words === COPIED)
    return navigator.share({ url: address, title: document.title }).catch(() => undefined);
  const isCopied = await copied(address);
  return isCopied
    ? notice(words, { key: "link" })
    : notice("The browser does not let this page copy: the link is in the address bar.", {
        key: "link",
      });
}

// Without encryption browsers keep the clipboard back, but for what somebody selected.
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const focused = document.activeElement;
    const field = document.createElement("textarea");
    field.className = "unseen";
    field.value = text;
    document.body.append(field);
    field.select();
    const isDone = document.execCommand("copy");
    field.remove();
    focused?.focus({ preventScroll: true });
    return isDone;
  }
}
