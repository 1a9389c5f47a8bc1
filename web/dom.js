// How are elements made, so that data can only ever become text?

/**
 * Makes an element. Names that begin with `on` are listeners, `class` and the
 * rest are attributes; `null`, `undefined` and `false` are left out. Children that
 * are strings become text nodes: there is no way to pass markup.
 * @param {string} tag
 * @param {Object<string, any>} [attributes]
 * @param {...(Node|string|null|undefined|false)} children
 * @returns {HTMLElement}
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child || child === ""));
  return element;
}

/**
 * Makes an element of a drawing.
 * @param {string} tag
 * @param {Object<string, string|number>} attributes
 */
export function svg(tag, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  return element;
}

/**
 * The element with this id; the page's own markup has it.
 * @param {string} id
 * @returns {any}
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no element #${id}`);
  return element;
}

/**
 * Counts with thousands separators, and the noun in the right number.
 * @param {number} count
 * @param {string} noun
 */
export function counted(count, noun) {
  return `${count.toLocaleString("en-US")} ${noun}${count === 1 ? "" : "s"}`;
}

/**
 * Calls `work` once things have been quiet for `milliseconds`.
 * @template {any[]} A
 * @param {(...args: A) => void} work
 * @param {number} milliseconds
 * @returns {(...args: A) => void}
 */
export function debounced(work, milliseconds) {
  let timer = 0;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...args), milliseconds);
  };
}
