// What does the page say besides events: how far the log reaches, what is missing,
// why nothing is there?

import { firstCommands } from "./commands.js";
import { byId, counted, el } from "./dom.js";
import { chips, isFiltered, rangeText } from "./filters.js";
import { missingSpan, missingText } from "./rows.js";
import { shown } from "./text.js";
import { nanos, fromMillis, rowTime, spanText } from "./times.js";

const PAUSES = {
  manual: "paused by hand", store_down: "the store is down", store_full: "the store is full",
  disk_full: "the disk is full", auth: "the store refuses the credentials", throttled: "the store asks for fewer writes",
};

/**
 * @typedef {Object} Known what the page knows of the log
 * @property {import("./api.js").Coverage|null} coverage
 * @property {number|null} total events in the window, before the filter
 * @property {number|null} matched
 * @property {{timestamp: string}|null} last the newest match before a range without any
 * @property {boolean} unread
 * @property {Object<string, any>|null} stats
 * @property {number} now milliseconds, by the server's clock
 */

/**
 * The top line: "last 24 h, reaches back 23h58m, 1,204 events, nothing missing".
 * @param {import("./filters.js").State} state
 * @param {Known} known
 */
export function showReach(state, known) {
  const { coverage, stats } = known;
  const parts = [rangeText(state)];
  if (coverage?.oldest) {
    const seconds = Number(fromMillis(known.now) - nanos(coverage.oldest)) / 1e9;
    parts.push(`reaches back ${spanText(seconds)}`);
  }
  const total = known.total ?? stats?.store?.events ?? null;
  if (total !== null) {
    const of = isFiltered(state) && known.matched !== null ? `${known.matched.toLocaleString("en-US")} of ` : "";
    parts.push(of + counted(total, "event") + (known.total === null ? " kept" : ""));
  }
  if (known.unread) parts.push("not all looked at");
  if (coverage?.cut_by === "size") parts.push("cut by the size limit");
  const reach = byId("reach");
  reach.replaceChildren(shown(parts.join(", ")));
  if (!coverage) return;
  reach.append(", ", coverage.complete
    ? el("span", { class: "complete" }, "nothing missing")
    : el("button", { type: "button", class: "missing", onclick: () => showMissing(coverage, state.utc) }, missingSum(coverage)));
  reach.title = `kept for ${spanText(coverage.retention)}${stats?.version ? `; tidings ${stats.version}` : ""}`;
}

/** @param {import("./api.js").Coverage} coverage */
function missingSum(coverage) {
  const known = coverage.gaps.reduce((sum, gap) => sum + (gap.events ?? 0), 0);
  const unknown = coverage.gaps.some((gap) => (gap.events ?? null) === null);
  if (!known) return "something may be missing";
  return `${unknown ? "at least " : ""}${counted(known, "event")} missing`;
}

/** @param {import("./api.js").Coverage} coverage @param {boolean} utc */
function showMissing(coverage, utc) {
  byId("missing-list").replaceChildren(...coverage.gaps.map((gap) => {
    const span = missingSpan(gap, utc);
    const who = coverage.seen_through?.find((seen) => seen.origin === gap.origin);
    return el("li", {}, ...span, `${span.length ? " " : ""}${missingText(gap)}`, who ? shown(` (${who.member})`) : "");
  }));
  byId("missing").showModal();
}

/**
 * The server's name in the top line and in the window's title, and why it takes
 * no events, if it takes none.
 * @param {Object<string, any>} stats
 * @param {boolean} utc
 */
export function showServer(stats, utc) {
  byId("member").replaceChildren(shown(String(stats.member ?? "")));
  document.title = `${stats.member ?? location.host} · tidings`;
  const state = typeof stats.state === "object" ? stats.state : stats;
  const banner = byId("paused");
  banner.hidden = state.state !== "paused";
  if (banner.hidden) return;
  const why = (state.reasons ?? []).map((reason) => PAUSES[/** @type {keyof PAUSES} */ (reason)] ?? reason);
  const since = state.since ? ` since ${rowTime(state.since, utc)}` : "";
  banner.replaceChildren(shown(`The log takes no events${since}${why.length ? `: ${why.join(", ")}` : ""}`));
}

const LIVE = { connecting: "connecting", live: "live", broken: "reconnecting", off: "not live", paused: "paused" };

/**
 * The dot and its word.
 * @param {keyof LIVE} state
 */
export function showLive(state) {
  const dot = byId("live");
  dot.className = `live is-${state}`;
  byId("live-word").textContent = LIVE[state];
}

/**
 * Says that the server does not answer; `null` takes it back.
 * @param {{seconds: number, detail: string, onRetry: () => void}|null} trouble
 */
export function showTrouble(trouble) {
  const banner = byId("trouble");
  banner.hidden = !trouble;
  if (!trouble) return;
  banner.replaceChildren(
    el("strong", {}, `${location.host} does not answer`), " ", shown(trouble.detail),
    ` · trying again in ${trouble.seconds} s `,
    el("button", { type: "button", onclick: trouble.onRetry }, "Try now"));
}

/**
 * Says that the server refuses the question.
 * @param {string} detail
 * @param {() => void} onClear
 */
export function showRefusal(detail, onClear) {
  showEmpty(el("h2", {}, "The server does not understand this filter"), el("p", {}, shown(detail)),
    el("p", {}, el("button", { type: "button", onclick: onClear }, "Clear the filter")));
}

/**
 * Nothing was ever recorded.
 * @param {(text: string) => void} onCopy
 * @param {() => void} onTest
 */
export function showFirstSteps(onCopy, onTest) {
  const commands = firstCommands().map((command) => el("li", {},
    el("code", {}, command),
    el("button", { type: "button", "aria-label": `copy: ${command}`, onclick: () => onCopy(command) }, "Copy")));
  showEmpty(el("h2", {}, "Nothing has happened yet"),
    el("p", {}, "This log is empty. Record something from a shell, and it appears here at once:"),
    el("ul", { class: "commands" }, ...commands),
    el("p", {}, "or ", el("button", { type: "button", onclick: onTest }, "send a test event"), " from here."));
}

/**
 * Nothing matches.
 * @param {import("./filters.js").State} state
 * @param {Known} known
 * @param {(state: import("./filters.js").State) => void} onChange
 */
export function showNoMatch(state, { last, unread }, onChange) {
  const ways = chips(state).map((chip) => el("li", {}, el("button", { type: "button", onclick: () => onChange(chip.without) },
    "without ", shown(chip.label, { max: 60 }))));
  if (last) {
    ways.push(el("li", {}, el("button", { type: "button", onclick: () => onChange({ ...state, since: last.timestamp }) },
      `from the last match on, ${rowTime(last.timestamp, state.utc)}`)));
  }
  if (state.since !== "all") {
    ways.push(el("li", {}, el("button", { type: "button", onclick: () => onChange({ ...state, since: "all" }) }, "in everything that is kept")));
  }
  showEmpty(el("h2", {}, unread ? "Nothing found yet" : isFiltered(state) ? "Nothing matches" : "Nothing happened"),
    el("p", {}, shown(`in this range: ${rangeText(state)}.`)),
    ways.length ? el("p", {}, "Look") : null, el("ul", { class: "ways" }, ...ways));
}

/** @param {...(Node|null)} content */
function showEmpty(...content) {
  const empty = byId("empty");
  empty.hidden = false;
  empty.replaceChildren(...content.filter((node) => node !== null));
}

/** Takes back whatever stood for an empty list. */
export function hideEmpty() {
  byId("empty").hidden = true;
}

let toastTimer = 0;

/**
 * A word that goes away by itself.
 * @param {string} text
 */
export function toast(text) {
  // A modal dialog covers everything that is not inside it.
  (document.querySelector("dialog[open]") ?? document.body).append(byId("toast"));
  byId("toast").textContent = text;
  byId("toast").hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => (byId("toast").hidden = true), 2500);
}
