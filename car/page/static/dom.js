// Small things that every other file of the page needs.

export const $ = (id) => document.getElementById(id);

/** Changes a text only where it differs: ten times a second, most do not. */
export function write(element, text) { if (element.textContent !== text) element.textContent = text; }

export function signed(value) { return (value < 0 ? "−" : "+") + Math.abs(value).toFixed(2); }

export function clamp(value, low, high) { return Math.max(low, Math.min(high, value)); }

/** An element with attributes and children: make("button", {class: "quiet"}, "Delete"). */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

export function makeSvg(name, attributes = {}) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

/** Rows of names and values in a <dl>: made once, then only written. */
export function list(parent, rows) {
  for (const [name, value] of rows) {
    let cell = parent.querySelector(`[data-name="${name}"]`);
    if (!cell) {
      cell = make("dd", { "data-name": name });
      parent.append(make("div", {}, make("dt", {}, name), cell));
    }
    write(cell, value);
    cell.parentElement.hidden = value === "";
  }
}
