// A line drawn around points of the map.

import { h } from "./dom.js";

const LEAST_STEP = 3;

export class Lasso {
  // `onChosen` is called with the points inside, when the line is closed.
  constructor(box, map, onChosen) {
    Object.assign(this, { box, map, onChosen, isOn: false });
    this.canvas = h("canvas", { class: "lasso", hidden: true, "aria-hidden": "true" });
    box.append(this.canvas);
    this.line = null;
    this.listen();
  }

  use(isOn) {
    this.isOn = isOn;
    this.canvas.hidden = !isOn;
    this.line = null;
    if (!isOn) return;
    this.canvas.width = this.box.clientWidth;
    this.canvas.height = this.box.clientHeight;
  }

  listen() {
    const { canvas } = this;
    const place = (event) => {
      const bounds = canvas.getBoundingClientRect();
      return [event.clientX - bounds.left, event.clientY - bounds.top];
    };
    // The map below must not move with it.
    const own = (name, act) =>
      canvas.addEventListener(name, (event) => {
        event.stopPropagation();
        act(event);
      });
    own("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.line = [place(event)];
    });
    own("pointermove", (event) => {
      if (!this.line) return;
      const [x, y] = place(event);
      const [lastX, lastY] = this.line.at(-1);
      if (Math.hypot(x - lastX, y - lastY) < LEAST_STEP) return;
      this.line.push([x, y]);
      this.draw();
    });
    own("pointerup", () => {
      const line = this.line;
      this.line = null;
      if (line && line.length > 2) this.onChosen(this.inside(line));
    });
    own("pointercancel", () => (this.line = null));
  }

  draw() {
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    context.beginPath();
    for (const [x, y] of this.line) context.lineTo(x, y);
    context.closePath();
    context.strokeStyle = this.map.theme.accent;
    context.fillStyle = this.map.theme.accent;
    context.lineWidth = 2;
    context.stroke();
    context.globalAlpha = 0.12;
    context.fill();
    context.globalAlpha = 1;
  }

  // Only points that are shown count: a legend may have hidden some.
  inside(line) {
    const { map } = this;
    const corners = line.map(([x, y]) => map.view.toWorld(x * map.ratio, y * map.ratio));
    const xs = corners.map(([x]) => x);
    const ys = corners.map(([, y]) => y);
    const [left, right, top, bottom] = [
      Math.min(...xs),
      Math.max(...xs),
      Math.min(...ys),
      Math.max(...ys),
    ];
    const found = [];
    for (let point = 0; point < map.data.count; point++) {
      const [x, y] = [map.data.x[point], map.data.y[point]];
      if (x < left || x > right || y < top || y > bottom || !map.isPicked(point)) continue;
      if (isInside(corners, x, y)) found.push(point);
    }
    return found;
  }
}

// Counts the sides that a ray to the right crosses: odd means inside.
function isInside(corners, x, y) {
  let is = false;
  for (let at = 0, before = corners.length - 1; at < corners.length; before = at++) {
    const [ax, ay] = corners[at];
    const [bx, by] = corners[before];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) is = !is;
  }
  return is;
}
