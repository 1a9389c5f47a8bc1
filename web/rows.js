// What does one line of the list look like?

import { el, counted } from "./dom.js";
import { SEVERITIES } from "./filters.js";
import { shown, shownPlain } from "./text.js";
import { exactTime, rowTime } from "./times.js";

/** UTF-16 units of a message in a row; the whole is in the drawer. */
const ROW_MESSAGE_MAX = 400;
const ROW_VALUE_MAX = 80;
/** Colours that members are told apart by; the style sheet has as many. */
const HUES = 12;

/** The type of the records in which the log states what is missing. */
export const LOSS_TYPE = "tidings.lost";

/** Reasons of gaps, in words. */
const REASONS = {
  buffer_full: "the buffer was full", bytes_full: "the buffer was full (bytes)", paused: "recording was paused",
  closed: "the recorder was closed", too_old: "the store failed until they were too old",
  rejected: "the store refused them", unknown: "the store never said whether it has them",
  store_failed: "writing failed", spool_failed: "the spool failed", damaged: "the stored block is damaged", missing_tail: "the end of the store file is missing",
  tail_unknown: "nobody knows whether the end of the store file is the end of the log",
  end_unknown: "the server stopped without a word; what came last is unknown", expired: "no longer kept",
  unheard: "another server is silent", watch_stale: "nothing comes in from the other servers",
  hole: "something published never came", unshared: "they are on that server alone",
};
/** What the store or the cluster finds; all other reasons are told by loss records as well. */
const FOUND_BY_STORE = ["damaged", "missing_tail", "tail_unknown", "end_unknown", "expired",
  "unheard", "watch_stale", "hole", "unshared"];

/** @param {string} severity */
export function severityMark(severity) {
  const word = SEVERITIES.includes(severity) ? severity : "info";
  return el("span", { class: `sev sev-${word}` }, el("span", { class: "icon", "aria-hidden": "true" }), severity);
}

/**
 * The same name has the same colour, everywhere and always (FNV-1a).
 * @param {string} name
 */
export function hueClass(name) {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i += 1) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193) >>> 0;
  return `hue-${hash % HUES}`;
}

/**
 * A value that filters when it is clicked; with Alt, excludes.
 * @param {string} name the condition it sets
 * @param {string} value
 * @param {string} look classes
 * @param {Node} [content]
 */
export function valueButton(name, value, look, content) {
  const hint = name === "severity"
    ? `only ${value} or worse`
    : `only ${name} ${shownPlain(value)}; Alt-click: all but this`;
  return el("button", {
    type: "button", class: `value ${look}`, "data-name": name, "data-value": value, title: hint, tabindex: "-1",
  }, content ?? shown(value, { max: ROW_VALUE_MAX }));
}

/**
 * @param {string} timestamp
 * @param {boolean} utc
 */
export function timeElement(timestamp, utc) {
  return el("time", { datetime: timestamp, title: exactTime(timestamp) }, rowTime(timestamp, utc));
}

/** @param {string} look @param {...(Node|null)} content */
function cell(look, ...content) {
  return el("td", { role: "cell", class: look }, ...content);
}

/**
 * One event.
 * @param {import("./api.js").Event} event
 * @param {boolean} utc
 */
export function eventRow(event, utc) {
  if (event.type === LOSS_TYPE) return lossRow(event, utc);
  const member = event.memberid ?? "";
  return el("tr", { role: "row", class: "row", tabindex: "-1", "data-id": event.id },
    cell("c-time", timeElement(event.timestamp, utc)),
    cell("c-severity", valueButton("severity", event.severity, "", severityMark(event.severity))),
    cell("c-member", valueButton("member", member, `chip ${hueClass(member)}`)),
    cell("c-type", valueButton("type", event.type, "")),
    cell("c-subject", event.subject ? valueButton("subject", event.subject, "") : null),
    cell("c-message", shown(event.message ?? "", { max: ROW_MESSAGE_MAX })));
}

/**
 * A loss record: a rule across the list, at the place where events are missing.
 * @param {import("./api.js").Event} event
 * @param {boolean} utc
 */
function lossRow(event, utc) {
  return el("tr", { role: "row", class: "row rule", tabindex: "-1", "data-id": event.id },
    el("td", { role: "cell", class: "c-rule", colspan: "6", "aria-colspan": "6" },
      el("span", { class: "rule-text" }, timeElement(event.timestamp, utc), " ",
        shown(event.message ?? "", { max: ROW_MESSAGE_MAX }))));
}

/**
 * What is missing, in words.
 * @param {import("./api.js").Missing} gap
 */
export function missingText(gap) {
  const many = (gap.events ?? null) === null ? "events may be missing" : `${counted(gap.events, "event")} missing`;
  const why = REASONS[/** @type {keyof REASONS} */ (gap.reason)] ?? shownPlain(String(gap.reason ?? "reason unknown"));
  return `${many}: ${why}`;
}

/** Whether no loss record tells of it. @param {import("./api.js").Missing} gap */
export function isFoundByStore(gap) {
  return FOUND_BY_STORE.includes(gap.reason);
}

/**
 * From when until when, as far as that is known.
 * @param {import("./api.js").Missing} gap
 * @param {boolean} utc
 * @returns {Node[]}
 */
export function missingSpan(gap, utc) {
  const ends = [gap.from, gap.to].filter(Boolean).map((at) => timeElement(/** @type {string} */ (at), utc));
  if (ends.length === 2 && gap.from !== gap.to) return [ends[0], document.createTextNode(" to "), ends[1]];
  return ends.slice(0, 1);
}

/**
 * A rule across the list.
 * @param {...(Node|string)} content
 */
export function ruleRow(...content) {
  return el("tr", { role: "row", class: "rule" },
    el("td", { role: "cell", class: "c-rule", colspan: "6", "aria-colspan": "6" },
      el("span", { class: "rule-text" }, ...content)));
}
