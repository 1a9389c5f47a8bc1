// What is asked for now, what is known of the answer, and how is it kept true?
//
// `load` asks: the stream is opened first and the list is read once it stands, so
// that no event falls between the two. While the server does not answer, what is
// shown stays, and it is tried again.

import { list as askList, pause, Refused, sendTestEvent, stats as askStats } from "./api.js";
import { copy } from "./commands.js";
import { byId, counted } from "./dom.js";
import { emptyState, encodePairs, followParameters, listParameters, rangeText, readState, writeState } from "./filters.js";
import { EventList } from "./list.js";
import { Follow } from "./live.js";
import {
  hideEmpty, showFirstSteps, showLive, showNoMatch, showReach, showRefusal, showServer, showTrouble, toast,
} from "./notices.js";
import { Overview } from "./overview.js";
import { ruleRow } from "./rows.js";
import { fromMillis, listTime, nanos } from "./times.js";

/** Events that arrive within this time are shown together. */
const BATCH_MILLIS = 120;
/** Events that wait for that, at most; beyond it the list is read again. */
const ARRIVED_MAX = 2000;
/** The list does not wait longer for the stream. */
const STREAM_PATIENCE_MILLIS = 400;
/** After news, the top line is brought up to date within this time. */
const SUMMARY_AFTER_NEWS_MILLIS = 2000;
const RETRY_SECONDS_MAX = 15;
const DAY_MILLIS = 86_400_000;

/** What is asked for; changed by `go` and `note` only. */
export let state = readState(location.search);

/** @type {import("./notices.js").Known} */
const known = { coverage: null, total: null, matched: null, last: null, unread: false, stats: null, now: Date.now() };
/** The server's clock minus ours. */
let clockAhead = 0;
/** @type {string|null} where the next older page begins */
let next = null;
let loading = new AbortController();
let listAsked = false;
/** @type {() => void} */
let streamStands = () => {};
/** @type {import("./api.js").Event[]} */
let arrived = [];
let takeTimer = 0;
let summaryTimer = 0;
let trouble = "";
/** @type {() => void} called when the rows or the state have changed */
let onChange = () => {};

/** Milliseconds by the server's clock. */
export const now = () => Date.now() + clockAhead;

export const rows = new EventList({
  onHeld: (count) => {
    byId("pill").hidden = count === 0;
    byId("pill").textContent = `${count.toLocaleString("en-US")} new`;
  },
  onOverflow: () => load(),
  onShown: () => afterRows(),
});

export const overview = new Overview({
  onZoom: (since, until) => {
    go({ ...state, since, until, event: "" });
    // Esc goes back from here.
    history.replaceState({ zoomed: true }, "");
  },
});

const follow = new Follow({
  onEvent: (event) => {
    arrived.push(event);
    takeSoon();
  },
  onHello: () => {
    streamStands();
    if (listAsked) catchUp();
  },
  onGap: (gap) => {
    rows.drawOnTop(ruleRow(`The stream has a gap here: ${gap.reason ?? "reason unknown"}`));
    catchUp();
  },
  onDropped: (count) => {
    rows.drawOnTop(ruleRow(`${counted(count, "event")} came faster than this page could take`));
    catchUp();
  },
  onState: (live) => showLive(state.paused ? "paused" : live),
});

/** @param {() => void} changed */
export function onChanged(changed) {
  onChange = changed;
}

/**
 * Goes to another state and asks.
 * @param {import("./filters.js").State} to
 * @param {boolean} [typing] replaces this entry of the history
 */
export function go(to, typing = false) {
  state = to;
  history[typing ? "replaceState" : "pushState"](null, "", location.pathname + writeState(state));
  scrollTo(0, 0);
  load();
}

/**
 * Changes what needs no new answer.
 * @param {Partial<import("./filters.js").State>} change
 */
export function note(change) {
  state = { ...state, ...change };
  history.replaceState(history.state, "", location.pathname + writeState(state));
  rows.paused = state.paused;
  if (state.paused) showLive("paused");
  onChange();
}

/** Takes the state from the URL and asks. */
export function start() {
  state = readState(location.search);
  load();
}

/** Asks for everything anew. */
export async function load() {
  loading.abort();
  loading = new AbortController();
  const signal = loading.signal;
  listAsked = false;
  arrived = [];
  rows.paused = state.paused;
  rows.utc = state.utc;
  onChange();
  byId("table").setAttribute("aria-busy", "true");
  const stands = new Promise((resolve) => (streamStands = () => resolve(undefined)));
  follow.close();
  if (openStream()) await Promise.race([stands, pause(STREAM_PATIENCE_MILLIS, signal)]);
  for (let seconds = 1; !signal.aborted; seconds = Math.min(seconds * 2, RETRY_SECONDS_MAX)) {
    listAsked = true;
    if (await loadOnce(signal)) break;
    await waitToRetry(seconds, signal);
  }
}

/** Follows, unless the list ends in the past; says whether it does. */
export function openStream() {
  if (state.until) return false;
  if (!follow.isOpen) follow.open(encodePairs(followParameters(state)));
  return true;
}

/** Gives the stream's connection back. */
export function closeStream() {
  follow.close();
}

/**
 * @param {AbortSignal} signal
 * @returns {Promise<boolean>} whether it is settled
 */
async function loadOnce(signal) {
  try {
    const [page, stats] = await Promise.all([askList(listParameters(state, now()), { signal }), askStats(signal)]);
    if (signal.aborted) return true;
    learnStats(stats);
    showTrouble(null);
    rows.replace(page.events);
    next = page.page.next;
    learn(page);
    afterRows();
    overview.ask(state, now());
  } catch (error) {
    if (signal.aborted) return true;
    trouble = error instanceof Refused ? error.message : "";
    if (!(error instanceof Refused) || error.passing) return false;
    refused(error);
  }
  byId("table").setAttribute("aria-busy", "false");
  return true;
}

/** @param {Refused} error */
function refused(error) {
  showTrouble(null);
  follow.close();
  overview.clear();
  rows.replace([]);
  next = null;
  afterRows();
  showRefusal(error.message, () => go({ ...emptyState(), utc: state.utc }));
}

/**
 * @param {number} seconds
 * @param {AbortSignal} signal
 */
async function waitToRetry(seconds, signal) {
  const early = new AbortController();
  const either = AbortSignal.any([signal, early.signal]);
  for (let left = seconds; left > 0 && !either.aborted; left -= 1) {
    showTrouble({ seconds: left, detail: trouble, onRetry: () => early.abort() });
    await pause(1000, either);
  }
}

/** @param {import("./api.js").List} page */
function learn(page) {
  learnReach(page);
  known.total = page.total ?? null;
  known.matched = page.matched ?? null;
  known.last = page.last_match_before ?? null;
  showReading(page);
}

/** @param {import("./api.js").List} page */
function learnReach({ coverage }) {
  const gaps = coverage.gaps.filter((gap) => gap.reason !== "work_limit");
  known.unread = gaps.length < coverage.gaps.length;
  known.coverage = { ...coverage, gaps, complete: !gaps.length };
}

/**
 * How the text was read, if not as typed.
 * @param {import("./api.js").List} page
 */
function showReading(page) {
  const problems = page.read_problems ?? [];
  const readAs = byId("read-as");
  const told = page.read_as ?? "";
  const odd = problems.map((one) => `column ${one.column}: ${one.problem}`);
  readAs.hidden = !state.q || (told === state.q && odd.length === 0);
  readAs.className = odd.length > 0 ? "banner odd" : "quiet";
  readAs.textContent = [`read as: ${told || "everything"}`, ...odd].join("; ");
}

/** @param {Object<string, any>} stats */
function learnStats(stats) {
  known.stats = stats;
  if (stats.now) clockAhead = Date.parse(stats.now) - Date.now();
  showServer(stats, state.utc);
}

/** Brings everything that depends on the rows up to date. */
function afterRows() {
  known.now = now();
  showReach(state, known);
  rows.drawGaps(known.coverage?.gaps ?? [], !next && !rows.trimmed);
  if (!rows.current) rows.setCurrent(null);
  showEnd();
  hideEmpty();
  if (rows.count === 0 && known.coverage) {
    const never = !known.coverage.oldest && !known.stats?.store?.events;
    if (never) showFirstSteps(copied, () => sendTestEvent().catch((error) => toast(error.message)));
    else showNoMatch(state, known, (to) => go(to));
  }
  byId("table").hidden = rows.lines.length === 0;
  onChange();
}

/** The end of the list: a way on, or that there is none. */
function showEnd() {
  const more = byId("more");
  more.hidden = !next && !rows.trimmed;
  more.textContent = rows.full || rows.trimmed ? "Go on from here" : known.unread ? "Search on" : "Load older";
  byId("end").hidden = !more.hidden || rows.count === 0;
  byId("end").textContent = `That is all: ${counted(rows.count, "event")}, ${rangeText(state)}.`;
}

/** Shows what is older, or moves the window when no more rows fit. */
export async function loadOlder() {
  if (rows.full || rows.trimmed) {
    go({ ...state, until: rows.untilLast() });
    return;
  }
  if (!next || byId("more").disabled) return;
  const signal = loading.signal;
  byId("more").disabled = true;
  try {
    const page = await askList(listParameters(state, now()), { after: next, signal });
    if (signal.aborted) return;
    rows.append(page.events);
    next = page.page.next;
    learnReach(page);
    afterRows();
  } catch (error) {
    if (!signal.aborted) toast(error instanceof Refused ? error.message : "the server does not answer");
  } finally {
    byId("more").disabled = false;
  }
}

/** Looks up what a stream that was away may have missed. */
async function catchUp() {
  const signal = loading.signal;
  try {
    const page = await askList(listParameters(state, now()), { signal });
    if (signal.aborted) return;
    const overlaps = !page.page.next || page.events.some((event) => rows.eventOf(event.id));
    if (!overlaps && !rows.still) return void load();
    learn(page);
    rows.offer(page.events);
    afterRows();
  } catch {
    // The stream says when it stands again, and the summary asks anyway.
  }
}

/** Takes what has arrived, in batches: a flood must not be drawn event by event. */
function takeSoon() {
  takeTimer ||= setTimeout(take, BATCH_MILLIS);
}

function take() {
  takeTimer = 0;
  if (byId("table").getAttribute("aria-busy") === "true") return takeSoon();
  const flooded = arrived.length > ARRIVED_MAX;
  const events = flooded ? [] : arrived.filter(isInRange);
  arrived = [];
  if (flooded) return void catchUp();
  rows.offer(events);
  // Asked for, not counted here: an event may be in the last answer already.
  if (events.length) summaryTimer ||= setTimeout(refreshSummary, SUMMARY_AFTER_NEWS_MILLIS);
}

/**
 * An import brings old events: the stream has them, the range may not want them.
 * @param {import("./api.js").Event} event
 */
function isInRange(event) {
  if (state.since === "all") return true;
  const since = new Map(listParameters(state, now())).get("since");
  return listTime(event) >= (since ? nanos(since) : fromMillis(now() - DAY_MILLIS));
}

/** Keeps the top line true while nothing else happens. */
export async function refreshSummary() {
  const signal = loading.signal;
  clearTimeout(summaryTimer);
  summaryTimer = 0;
  try {
    const [page, stats] = await Promise.all([askList(listParameters(state, now()), { limit: 1, signal }), askStats(signal)]);
    if (signal.aborted) return;
    learnStats(stats);
    learn(page);
    overview.ask(state, now());
    known.now = now();
    showReach(state, known);
  } catch (error) {
    const passing = !(error instanceof Refused) || error.passing;
    if (!signal.aborted && passing && byId("trouble").hidden) load();
  }
}

/** @param {string} text */
export async function copied(text) {
  toast((await copy(text)) ? "copied" : "this browser does not let the page copy");
}
