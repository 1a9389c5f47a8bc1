// What is asked for, and how does the URL say it?
//
// The names in the page's URL are those of the API, so that one can be read as
// the other. Spans such as `15m` stay spans in the page's URL (a bookmark means
// "the last 15 minutes") and become instants when the API is asked.

import { fromMillis, rfc3339, spanSeconds } from "./times.js";

/**
 * @typedef {Object} State
 * @property {string} q
 * @property {string} type patterns, comma separated, `!` excludes
 * @property {string} severity that or worse, or `from..to`
 * @property {string} member patterns
 * @property {string} subject patterns
 * @property {string} source patterns
 * @property {[string, string][]} fields names and values
 * @property {string} since empty: 24 h; a span, `all`, or a time
 * @property {string} until empty: now
 * @property {string} event id of the event that is open
 * @property {boolean} utc
 * @property {boolean} paused
 */

/** Conditions that are texts, in the order in which they are shown. */
const TEXTS = /** @type {const} */ (["q", "severity", "type", "member", "subject", "source"]);
/** Conditions that take a list of patterns. */
export const PATTERNS = ["type", "member", "subject", "source"];
export const SEVERITIES = ["trace", "debug", "info", "warn", "error", "fatal"];
export const RANGES = { "15m": "last 15 min", "1h": "last hour", "6h": "last 6 h", "": "last 24 h", all: "everything kept" };

/** @returns {State} */
export function emptyState() {
  return {
    q: "", type: "", severity: "", member: "", subject: "", source: "", fields: [],
    since: "", until: "", event: "", utc: false, paused: false,
  };
}

/**
 * Reads the page's query string; names it does not know are passed over.
 * @param {string} search
 * @returns {State}
 */
export function readState(search) {
  const state = emptyState();
  for (const [name, value] of new URLSearchParams(search)) {
    const text = value.trim();
    if (PATTERNS.includes(name)) state[name] = [state[name], text].filter(Boolean).join(",");
    else if (["q", "severity", "since", "until", "event"].includes(name)) state[name] = text;
    else if (name.startsWith("field.") && name.length > 6) state.fields.push([name.slice(6), value]);
    else if (name === "tz") state.utc = text === "utc";
    else if (name === "live") state.paused = text === "0";
  }
  if (state.since === "24h") state.since = "";
  return state;
}

/**
 * Encodes so that the result can stand in a shell's single quotes.
 * @param {[string, string][]} pairs
 */
export function encodePairs(pairs) {
  const encode = (text) =>
    encodeURIComponent(text.toWellFormed ? text.toWellFormed() : text)
      .replace(/%2C/gi, ",").replace(/%3A/gi, ":")
      .replace(/['()*!]/g, (c) => (c === "'" ? "%27" : c));
  return pairs.map(([name, value]) => `${encode(name)}=${encode(value)}`).join("&");
}

/** @param {State} state @returns {[string, string][]} */
function conditions(state) {
  const pairs = TEXTS.filter((name) => state[name]).map((name) => [name, state[name]]);
  for (const [name, value] of state.fields) pairs.push([`field.${name}`, value]);
  return /** @type {[string, string][]} */ (pairs);
}

/**
 * The page's own query string, with its question mark; empty for the defaults.
 * @param {State} state
 */
export function writeState(state) {
  const pairs = conditions(state);
  if (state.since) pairs.push(["since", state.since]);
  if (state.until) pairs.push(["until", state.until]);
  if (state.utc) pairs.push(["tz", "utc"]);
  if (state.paused) pairs.push(["live", "0"]);
  if (state.event) pairs.push(["event", state.event]);
  return pairs.length ? `?${encodePairs(pairs)}` : "";
}

/**
 * What the API is asked for a list; `now` is the server's clock.
 * @param {State} state
 * @param {number} now milliseconds
 * @returns {[string, string][]}
 */
export function listParameters(state, now) {
  const pairs = conditions(state);
  const seconds = spanSeconds(state.since);
  if (seconds !== null) pairs.push(["since", rfc3339(fromMillis(now - seconds * 1000))]);
  else if (state.since) pairs.push(["since", state.since]);
  if (state.until) pairs.push(["until", state.until]);
  return pairs;
}

/**
 * What the stream is asked: the same events, from now on.
 * @param {State} state
 * @returns {[string, string][]}
 */
export function followParameters(state) {
  return conditions(state);
}

/** @param {State} state */
export function isFiltered(state) {
  return conditions(state).length > 0;
}

/**
 * A value as a pattern that finds it: what the pattern language would read as
 * its own becomes `*`.
 * @param {string} value
 */
function asPattern(value) {
  return value.trim().replace(/^!/, "*").replace(/,/g, "*");
}

/**
 * Narrows to a value, or excludes it.
 * @param {State} state
 * @param {string} name a condition, or `field.<name>`
 * @param {string} value
 * @param {boolean} exclude
 * @returns {State}
 */
export function withValue(state, name, value, exclude) {
  if (name.startsWith("field.")) {
    const field = name.slice(6);
    const others = state.fields.filter(([known]) => known !== field);
    return { ...state, fields: [...others, [field, value]] };
  }
  if (!PATTERNS.includes(name)) return { ...state, [name]: value };
  const pattern = asPattern(value);
  const known = state[name].split(",").filter(Boolean);
  const excluded = known.filter((one) => one.startsWith("!") && one !== `!${pattern}`);
  const wanted = known.filter((one) => !one.startsWith("!") && one !== pattern);
  const next = exclude ? [...wanted, ...excluded, `!${pattern}`] : [pattern, ...excluded];
  return { ...state, [name]: next.join(",") };
}

/**
 * The conditions that are set, each with the state without it.
 * @param {State} state
 * @returns {{label: string, name: string, without: State}[]}
 */
export function chips(state) {
  const chips = TEXTS.filter((name) => state[name]).map((name) => ({
    name,
    label: `${name === "q" ? "text" : name}: ${state[name]}${name === "severity" && !state[name].includes("..") ? " or worse" : ""}`,
    without: { ...state, [name]: "" },
  }));
  state.fields.forEach(([field, value], index) => chips.push({
    name: /** @type {any} */ (`field.${field}`),
    label: `${field} = ${value}`,
    without: { ...state, fields: state.fields.filter((_, i) => i !== index) },
  }));
  if (state.until) chips.push({ name: /** @type {any} */ ("until"), label: `until ${state.until}`, without: { ...state, until: "" } });
  return chips;
}

/** @param {State} state */
export function rangeText(state) {
  const known = RANGES[/** @type {keyof RANGES} */ (state.since)];
  const from = known ?? (spanSeconds(state.since) === null ? `since ${state.since}` : `last ${state.since}`);
  return state.until ? `${from}, until ${state.until}` : from;
}
