// Which key does what?

import { byId, el } from "./dom.js";

const OFF = "tidings.keys";

/** Keys, what they do in words, and under which name. */
const KEYS = [
  ["/", "search", "search"],
  ["j", "next event", "next"],
  ["k", "previous event", "previous"],
  ["Enter", "open the event", "open"],
  ["g", "to the newest", "first"],
  ["G", "to the last one shown", "last"],
  ["l", "live on or off", "live"],
  ["t", "times here or in UTC", "utc"],
  ["y", "copy a link to this list", "copy"],
  ["?", "this list of keys", "help"],
  ["Esc", "close, leave the search, or leave the zoom", ""],
];

/** Whether single keys act; somebody who speaks to the computer turns them off. */
function areOn() {
  try {
    return localStorage.getItem(OFF) !== "off";
  } catch {
    return true;
  }
}

/** @param {boolean} on */
function turn(on) {
  try {
    localStorage.setItem(OFF, on ? "on" : "off");
  } catch {
    // Without storage the choice lasts as long as the page.
  }
}

/**
 * @param {Object<string, () => void>} actions by name
 */
export function listenForKeys(actions) {
  const help = /** @type {HTMLDialogElement} */ (byId("help"));
  const on = /** @type {HTMLInputElement} */ (byId("keys-on"));
  byId("keys").replaceChildren(...KEYS.map(([key, words]) =>
    el("div", {}, el("dt", {}, el("kbd", {}, key)), el("dd", {}, words))));
  on.checked = areOn();
  on.addEventListener("change", () => turn(on.checked));
  help.addEventListener("click", (click) => {
    if (click.target === help) help.close();
  });
  addEventListener("keydown", (press) => {
    if (press.key === "Escape") return leave(press) || document.querySelector("dialog[open]") || actions.back();
    if (press.ctrlKey || press.metaKey || press.altKey || !on.checked) return;
    if (isTyping(press.target) || help.open) return;
    const name = KEYS.find(([key]) => key === press.key)?.[2];
    // Enter on a button presses that button.
    if (!name || (name === "open" && press.target instanceof HTMLButtonElement)) return;
    press.preventDefault();
    actions[name]();
  });
}

/**
 * Leaves a field and keeps what is in it, which a search field would drop;
 * dialogs close by themselves.
 * @param {KeyboardEvent} press
 * @returns {boolean} whether one was left
 */
function leave(press) {
  const field = document.activeElement;
  if (!(field instanceof HTMLElement) || !isTyping(field)) return false;
  press.preventDefault();
  field.blur();
  return true;
}

/** @param {EventTarget|null} target */
function isTyping(target) {
  return target instanceof Element && target.matches("input:not([type=checkbox]), textarea, select");
}
