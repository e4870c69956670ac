// Making elements: text is always text, and nothing is ever read as HTML.

const SVG = "http://www.w3.org/2000/svg";

export const part = (name) => document.querySelector(`[data-part="${name}"]`);

// `on` holds listeners, `vars` custom properties; true and false set and leave out an attribute.
export function h(name, { on = {}, vars = {}, ...attributes } = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined)
      made.setAttribute(key, value);
  }
  for (const [event, listener] of Object.entries(on)) made.addEventListener(event, listener);
  for (const [key, value] of Object.entries(vars)) made.style.setProperty(key, value);
  made.append(...shownOnes(children));
  return made;
}

// What a condition left out is none: null, undefined, false.
const shownOnes = (children) =>
  children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false);

export function fill(box, ...children) {
  box.replaceChildren(...shownOnes(children));
}

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

// A button with a picture and words; without words, `label` is what it is called.
export function button(words, { sign = null, label = null, kind = "", on, ...rest } = {}) {
  const classes = [kind, words ? "" : "icon-only"].filter(Boolean).join(" ");
  const attributes = { type: "button", class: classes || null, ...rest };
  if (label) Object.assign(attributes, { "aria-label": label, title: label });
  return h(
    "button",
    { ...attributes, on: { click: on } },
    sign && icon(sign),
    words && h("span", {}, words),
  );
}

export function nameOf(path) {
  return path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
}

// Lone surrogates stand for bytes of a file name that are no text; marks that turn the direction
// of what follows would let a name read as another.
export function readable(text) {
  return String(text).replace(/[\ud800-\udfff\u202a-\u202e\u2066-\u2069]/gu, "�");
}

export const counted = (count, one, many = `${one}s`) =>
  `${count.toLocaleString("en")} ${count === 1 ? one : many}`;

export function shownSize(bytes) {
  const steps = ["B", "kB", "MB", "GB", "TB"];
  let step = 0;
  while (bytes >= 1000 && step < steps.length - 1) [bytes, step] = [bytes / 1000, step + 1];
  return `${step && bytes < 10 ? bytes.toFixed(1) : Math.round(bytes)} ${steps[step]}`;
}

export function later(wait, act) {
  let timer = 0;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => act(...values), wait);
  };
}

// Fingers have nothing to drop and no clipboard at hand.
export const isTouched = () => matchMedia("(hover: none)").matches;

// Whether somebody writes somewhere, so that letters are no commands.
export function isWriting(target) {
  return (
    target instanceof Element &&
    target.matches("input:not([type=range], [type=checkbox]), textarea, select")
  );
}
