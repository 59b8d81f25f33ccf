// A page in an SVG that is zoomed and moved by wheel, fingers, mouse and keys. What is seen is the SVG's viewBox, in pixels of the page.

const SVG = "http://www.w3.org/2000/svg";
const STEP = 1.25, MAX_ZOOM = 40;

export function drawn(tag, attributes = {}) {
  const made = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

export class Viewer {
  constructor(box) {
    this.box = box;
    this.svg = null;
    this.fingers = new Map();
    box.addEventListener("wheel", event => this.#wheel(event), {passive: false});
    box.addEventListener("pointerdown", event => this.#down(event));
    box.addEventListener("pointermove", event => this.#move(event));
    for (const kind of ["pointerup", "pointercancel", "pointerleave"]) box.addEventListener(kind, event => this.#up(event));
    box.addEventListener("dblclick", event => this.zoom(2, event));
    box.addEventListener("keydown", event => this.#key(event));
  }

  // Show a page's SVG: all of it, or as the page before was seen where `keep` says so.
  show(svg, width, height) {
    this.svg = svg;
    this.width = width; this.height = height;
    this.box.replaceChildren(svg);
    this.fitPage();
  }

  get zoomed() { return this.view.width < this.width - 1 || this.view.height < this.height - 1; }

  fitPage() { this.#look({x: 0, y: 0, width: this.width, height: this.height}); }

  fitWidth() {
    const {clientWidth: across, clientHeight: down} = this.svg;
    this.#look({x: 0, y: 0, width: this.width, height: this.width * down / Math.max(1, across)});
  }

  // Enlarge by a factor around an event's place, or around the middle.
  zoom(factor, event = null) {
    const view = this.view, at = event ? this.#place(event) : {x: view.x + view.width / 2, y: view.y + view.height / 2};
    const width = Math.min(Math.max(view.width / factor, this.width / MAX_ZOOM), 1.2 * Math.max(this.width, view.width / Math.max(1, factor)));
    const scale = width / view.width;
    this.#look({x: at.x - (at.x - view.x) * scale, y: at.y - (at.y - view.y) * scale, width, height: view.height * scale});
  }

  // Move so that a box {x, y, width, height} is seen.
  reveal(box) {
    if (!this.zoomed) return;
    const view = {...this.view};
    if (box.x < view.x || box.x + box.width > view.x + view.width) view.x = Math.max(0, box.x + box.width / 2 - view.width / 2);
    if (box.width > view.width) view.x = box.x - view.width * .05;
    if (box.y < view.y || box.y + box.height > view.y + view.height) view.y = box.y + box.height / 2 - view.height / 2;
    this.#look(view);
  }

  #look(view) {
    // A part of the page stays in sight.
    view.x = Math.min(Math.max(view.x, -view.width * .8), this.width - view.width * .2);
    view.y = Math.min(Math.max(view.y, -view.height * .8), this.height - view.height * .2);
    this.view = view;
    this.svg.setAttribute("viewBox", [view.x, view.y, view.width, view.height].map(v => Math.round(v * 100) / 100).join(" "));
  }

  // The place of an event in pixels of the page.
  #place(event) {
    const back = this.svg.getScreenCTM().inverse();
    return new DOMPoint(event.clientX, event.clientY).matrixTransform(back);
  }

  #wheel(event) {
    if (!this.svg) return;
    event.preventDefault();
    this.zoom(Math.exp(-Math.sign(event.deltaY) * Math.min(Math.abs(event.deltaY), 100) / 400), event);
  }

  #down(event) {
    if (!this.svg || event.button > 0) return;
    this.fingers.set(event.pointerId, event);
    this.moved = false;
  }

  #move(event) {
    const before = this.fingers.get(event.pointerId);
    if (!before) return;
    if (!this.moved && Math.hypot(event.clientX - before.clientX, event.clientY - before.clientY) < 4) return;
    if (!this.moved) { this.moved = true; this.box.setPointerCapture(event.pointerId); this.box.classList.add("moving"); }
    if (this.fingers.size === 2) {  // two fingers: by how much they part
      const [other] = [...this.fingers.entries()].filter(([id]) => id !== event.pointerId).map(([, finger]) => finger);
      const apart = finger => Math.hypot(finger.clientX - other.clientX, finger.clientY - other.clientY);
      const middle = {clientX: (event.clientX + other.clientX) / 2, clientY: (event.clientY + other.clientY) / 2};
      this.zoom(apart(event) / Math.max(1, apart(before)), middle);
    } else {
      const from = this.#place(before), to = this.#place(event);
      this.#look({...this.view, x: this.view.x + from.x - to.x, y: this.view.y + from.y - to.y});
    }
    this.fingers.set(event.pointerId, event);
  }

  #up(event) {
    this.fingers.delete(event.pointerId);
    if (!this.fingers.size) this.box.classList.remove("moving");
  }

  #key(event) {
    if (!this.svg || event.ctrlKey || event.metaKey || event.altKey) return;
    const part = .1, {view} = this;
    const moves = {ArrowLeft: [-part, 0], ArrowRight: [part, 0], ArrowUp: [0, -part], ArrowDown: [0, part]};
    if (event.key === "+" || event.key === "=") this.zoom(STEP);
    else if (event.key === "-") this.zoom(1 / STEP);
    else if (event.key === "0") this.fitPage();
    else if (event.key === "w") this.fitWidth();
    else if (moves[event.key]) {
      const [right, down] = moves[event.key];
      this.#look({...view, x: view.x + right * view.width, y: view.y + down * view.height});
    } else return;
    event.preventDefault();
  }
}
