// Which controls set the filter?

import { byId, debounced, el } from "./dom.js";
import { chips, RANGES, SEVERITIES } from "./filters.js";
import { shown } from "./text.js";

/** Typing that has paused this long is searched for. */
const TYPING_PAUSE_MILLIS = 300;
/** Suggestions of one input, at most. */
const SUGGESTIONS_MAX = 50;
const INPUTS = /** @type {const} */ (["q", "type", "member"]);
const SELECTS = /** @type {const} */ (["severity", "since"]);

/**
 * The control of a condition.
 * @param {string} name
 */
const control = (name) => byId(name === "member" ? "member-filter" : name);

export class FilterBar {
  /**
   * @param {{onChange: (state: import("./filters.js").State, typing: boolean) => void}} listeners
   */
  constructor(listeners) {
    this.listeners = listeners;
    const typed = debounced(() => this.#changed(true), TYPING_PAUSE_MILLIS);
    byId("bar").addEventListener("submit", (submit) => {
      submit.preventDefault();
      this.#changed(false);
    });
    byId("q").addEventListener("input", typed);
    for (const name of [...INPUTS, ...SELECTS]) control(name).addEventListener("change", () => this.#changed(false));
    // The cross of a search field empties it without a change event.
    for (const name of INPUTS) control(name).addEventListener("search", () => this.#changed(false));
  }

  /** @param {boolean} typing */
  #changed(typing) {
    const next = { ...this.state };
    for (const name of [...INPUTS, ...SELECTS]) next[name] = control(name).value.trim();
    const same = [...INPUTS, ...SELECTS].every((name) => next[name] === this.state[name]);
    if (!same) this.listeners.onChange(next, typing);
  }

  /**
   * Shows a state; what somebody is typing stays.
   * @param {import("./filters.js").State} state
   */
  show(state) {
    this.state = state;
    for (const name of INPUTS) {
      const input = control(name);
      if (input !== document.activeElement || input.value.trim() !== state[name]) input.value = state[name];
    }
    option(byId("severity"), state.severity, SEVERITIES.includes(state.severity) || !state.severity);
    option(byId("since"), state.since, state.since in RANGES);
    const set = chips(state);
    byId("chips").replaceChildren(...set.map((chip) => el("li", {}, el("button", {
      type: "button", class: "filter", onclick: () => this.listeners.onChange(chip.without, false),
    }, shown(chip.label, { max: 60 }), el("span", { "aria-hidden": "true" }, " ×"), el("span", { class: "unseen" }, ", remove")))));
    byId("chips").hidden = set.length === 0;
  }

  /**
   * Offers what the list shows for completion.
   * @param {import("./api.js").Event[]} events
   */
  suggest(events) {
    const fill = (id, values) => byId(id).replaceChildren(
      ...[...new Set(values)].sort().slice(0, SUGGESTIONS_MAX).map((value) => el("option", { value })));
    fill("types", events.map((event) => event.type));
    fill("members", events.map((event) => event.memberid));
  }
}

/**
 * Selects a value, adding it if the list does not have it.
 * @param {HTMLSelectElement} select
 * @param {string} value
 * @param {boolean} known
 */
function option(select, value, known) {
  select.querySelector("[data-extra]")?.remove();
  if (!known) select.append(el("option", { value, "data-extra": true }, value));
  select.value = value;
}
