// Elements of our own, made by hand: text goes in as text, and nothing here can turn it into markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    } else {
      node.setAttribute(name, value === true ? "" : String(value));
    }
  }
  put(node, children);
  return node;
}

function put(node, children) {
  for (const child of children.flat()) {
    if (child !== null && child !== undefined && child !== false) {
      node.append(child instanceof Node ? child : document.createTextNode(String(child)));
    }
  }
}

/** Return a new HTML element. */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** Return a new SVG element. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** Have `children` stand in `node`, and nothing else. */
export function show(node, ...children) {
  node.replaceChildren();
  put(node, children);
}

const factsShown = new WeakMap();

/** Have what `make()` returns stand in `node` unless the same facts stand there already: focus and pressed buttons stay. */
export function showFacts(node, facts, make) {
  const key = JSON.stringify(facts);
  if (factsShown.get(node) === key) return;
  factsShown.set(node, key);
  show(node, make());
}

let counted = 0;

/** Return an id that no other element of the page has. */
export function newId() {
  counted += 1;
  return `wlr-${Math.random().toString(36).slice(2, 8)}-${counted}`;
}
