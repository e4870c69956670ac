// A server that is busy says for how long: that is waited for, instead of asking people to press
// again. Said once, however many requests wait.

import { h, part } from "./dom.js";

const BUSY = new Set([429, 503]);
// For all the tries of one request.
const LONGEST_S = 60;
const LEAST_S = 0.5;

// Seconds to wait before the next try; null where there is none.
export function waitOf(status, header, waited) {
  if (!BUSY.has(status) || !header) return null;
  const told = Number(header);
  const seconds = Number.isNaN(told) ? (Date.parse(header) - Date.now()) / 1000 : told;
  const wait = Math.max(LEAST_S, seconds);
  return waited + wait <= LONGEST_S ? wait : null;
}

const waiting = new Set();
let shown = null;

export async function pause(seconds, signal = null) {
  const own = { until: performance.now() + 1000 * seconds };
  waiting.add(own);
  show();
  try {
    await slept(seconds, signal);
  } finally {
    waiting.delete(own);
    show();
  }
}

function slept(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, 1000 * seconds);
    const stop = () => {
      clearTimeout(timer);
      reject(new DOMException("Stopped.", "AbortError"));
    };
    if (signal?.aborted) stop();
    signal?.addEventListener("abort", stop, { once: true });
  });
}

// The seconds run for those who look; they are not read out one by one.
function show() {
  if (!waiting.size) {
    clearInterval(shown?.timer);
    shown?.box.remove();
    shown = null;
    return;
  }
  if (!shown) {
    const seconds = h("span", { "aria-hidden": "true" });
    const words = h("p", {}, "The server is busy. It is asked again by itself", seconds, ".");
    const box = h("div", { class: "notice patient", "data-key": "busy", role: "status" }, words);
    shown = { box, seconds, timer: setInterval(show, 1000) };
    part("notices").append(box);
  }
  const next = Math.min(...[...waiting].map(({ until }) => until));
  const left = Math.max(1, Math.ceil((next - performance.now()) / 1000));
  shown.seconds.textContent = `, in ${left} s`;
}
