// A server that does not answer: said once, and tried again until it does.

import { watchers } from "./api.js";
import { button, h, part } from "./dom.js";

const [FIRST_MS, LONGEST_MS] = [1000, 15000];
// An answer that never comes must not be waited for.
const PATIENCE_MS = 10000;

export function watchConnection(onBack) {
  let isAway = false;
  let wait = FIRST_MS;
  let timer = 0;
  let isTrying = false;
  const banner = part("banner");

  // One try at a time, however often somebody presses: the next begins when it has ended.
  async function tryAgain() {
    if (isTrying) return undefined;
    isTrying = true;
    clearTimeout(timer);
    try {
      const answer = await fetch("/healthz", {
        cache: "no-store",
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      if (answer.ok) return back();
    } catch {
      // Still away.
    } finally {
      isTrying = false;
    }
    // Something else may have been answered meanwhile.
    if (!isAway) return undefined;
    clearTimeout(timer);
    wait = Math.min(LONGEST_MS, wait * 1.6);
    timer = setTimeout(tryAgain, wait);
    return undefined;
  }

  function back() {
    if (!isAway) return;
    isAway = false;
    clearTimeout(timer);
    banner.hidden = true;
    onBack();
  }

  watchers.unreachable = () => {
    if (isAway) return;
    isAway = true;
    wait = FIRST_MS;
    banner.replaceChildren(
      h(
        "p",
        {},
        navigator.onLine
          ? "The server does not answer. What you see stays; it is tried again."
          : "You are offline. What you see stays; it is tried again.",
      ),
      button("Try now", { kind: "small", on: tryAgain }),
    );
    banner.hidden = false;
    timer = setTimeout(tryAgain, wait);
  };
  watchers.answered = () => isAway && back();
  addEventListener("online", () => isAway && tryAgain());
}
