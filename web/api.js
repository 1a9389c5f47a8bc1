// How is the server asked, and what can go wrong?

/** Events of one page of the list. */
export const PAGE_EVENTS = 100;
/** Values of each facet. */
const TOP_VALUES = 8;
/** A question that has no answer by then counts as unanswered. */
const ANSWER_TIMEOUT_MILLIS = 15_000;

/**
 * The server answered, and said no: asking the same again will not help, unless
 * `passing` says so.
 */
export class Refused extends Error {
  /**
   * @param {number} status
   * @param {string} detail what the server says, for people
   */
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }

  /** Whether it may answer in a while. */
  get passing() {
    return this.status >= 500 || this.status === 429 || this.status === 408;
  }
}

/**
 * @param {string} path relative to the page
 * @param {RequestInit} options
 * @param {AbortSignal} [signal]
 * @returns {Promise<string>} the answer's text
 */
async function ask(path, options, signal) {
  const late = AbortSignal.timeout(ANSWER_TIMEOUT_MILLIS);
  const answer = await fetch(path, {
    cache: "no-store",
    ...options,
    headers: { Accept: "application/json", ...options.headers },
    signal: signal ? AbortSignal.any([signal, late]) : late,
  });
  const text = await answer.text();
  if (answer.ok) return text;
  let detail = `the server answered ${answer.status} ${answer.statusText}`.trim();
  try {
    const problem = JSON.parse(text);
    detail = problem.detail ?? problem.title ?? detail;
  } catch {
    // Not a problem document: a proxy speaks, and its page is nothing to show.
  }
  throw new Refused(answer.status, String(detail));
}

/**
 * @typedef {Object<string, any> & {id: string, type: string, message: string,
 *   timestamp: string, memberid: string, severity: string}} Event
 * @typedef {{origin?: string|null, from?: string|null, to?: string|null, events?: number|null, reason: string}} Missing
 * @typedef {{oldest: string|null, newest: string|null, retention: number,
 *   complete: boolean, gaps: Missing[], cut_by?: string,
 *   seen_through?: {member: string, origin: string, through: string, state: string}[]}} Coverage
 * @typedef {{events: Event[], page: {next: string|null}, coverage: Coverage,
 *   matched: number|null, total: number|null, read_as?: string|null,
 *   read_problems?: {column: number, problem: string}[],
 *   last_match_before?: {id: string, timestamp: string}|null}} List
 * @typedef {{step: number, since: string, until: string, matched: number,
 *   series: {name: string, total: number, counts: number[]}[]}} HistogramAnswer
 * @typedef {{of: string, values: {value: string, count: number}[], other: number,
 *   distinct: number, absent: number}} Facet
 */

/**
 * One page of the list, newest first.
 * @param {[string, string][]} parameters
 * @param {{after?: string, limit?: number, signal?: AbortSignal}} [options]
 * @returns {Promise<List>}
 */
export async function list(parameters, { after, limit = PAGE_EVENTS, signal } = {}) {
  const query = new URLSearchParams(parameters);
  query.set("order", "desc");
  query.set("limit", String(limit));
  if (after) query.set("after", after);
  return JSON.parse(await ask(`api/v1/events?${query}`, {}, signal));
}

/**
 * Counts by severity over time.
 * @param {[string, string][]} parameters
 * @param {AbortSignal} signal
 * @returns {Promise<HistogramAnswer>}
 */
export async function histogram(parameters, signal) {
  return JSON.parse(await ask(`api/v1/histogram?${new URLSearchParams(parameters)}`, {}, signal));
}

/**
 * Counts of severities, types and members.
 * @param {[string, string][]} parameters
 * @param {AbortSignal} signal
 * @returns {Promise<{facets: Facet[]}>}
 */
export async function facets(parameters, signal) {
  const query = new URLSearchParams(parameters);
  query.set("of", "severity,type,member");
  query.set("top", String(TOP_VALUES));
  return JSON.parse(await ask(`api/v1/facets?${query}`, {}, signal));
}

/**
 * One event in full, and as it came.
 * @param {string} id
 * @param {AbortSignal} signal
 * @returns {Promise<{event: Event, raw: string}>}
 */
export async function one(id, signal) {
  const raw = await ask(`api/v1/events/${encodeURIComponent(id)}`, {}, signal);
  return { event: JSON.parse(raw, asWritten), raw };
}

/**
 * Keeps a number as it was written where reading it would round it.
 * @param {string} _name
 * @param {any} value
 * @param {{source?: string}} [context]
 */
function asWritten(_name, value, context) {
  const rounded = typeof value === "number" && context?.source && String(value) !== context.source;
  return rounded ? context.source : value;
}

/** @param {AbortSignal} [signal] @returns {Promise<Object<string, any>>} */
export async function stats(signal) {
  return JSON.parse(await ask("api/v1/stats", {}, signal));
}

/** Records one event, so that a newcomer sees one. */
export async function sendTestEvent() {
  const event = { type: "test", message: "hello from the page", source: "page" };
  await ask("api/v1/events", {
    method: "POST", body: JSON.stringify(event), headers: { "Content-Type": "application/json" },
  });
}

/**
 * Resolves after a while, or when the signal says that nobody waits any more.
 * @param {number} milliseconds
 * @param {AbortSignal} signal
 */
export function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => { clearTimeout(timer); resolve(undefined); }, { once: true });
  });
}
