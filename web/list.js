// Which events are on the page, in which order, and when may they move?
//
// Newest first, by list time. New events are shown at once only while nobody
// could be disturbed: the list is at its top, the pointer is not over it, and it
// is not paused. Otherwise they are held, and a pill counts them.

import { byId, counted } from "./dom.js";
import { eventRow, isFoundByStore, LOSS_TYPE, missingSpan, missingText, ruleRow } from "./rows.js";
import { exactTime, listTime, nanos, rfc3339, rowTime } from "./times.js";

/** Rows on the page, at most; what is older is reached by going on from there. */
export const ROWS_MAX = 2000;
/** New events that are held back, at most; beyond it they are only counted. */
const HELD_MAX = 1000;
/** Scrolled less than this counts as "at the top". */
const TOP_SLACK_PIXELS = 24;
/** A pointer that has not moved for this long is not reading. */
const POINTER_REST_MILLIS = 10_000;

/**
 * @typedef {{id: string, key: bigint, event: import("./api.js").Event|null, node: HTMLElement}} Line
 */

export class EventList {
  /** @type {Line[]} newest first */
  lines = [];
  /** @type {Map<string, Line>} lines that are events */
  #known = new Map();
  /** @type {Map<string, import("./api.js").Event>} */
  #held = new Map();
  #heldUncounted = 0;
  #pointerAt = -Infinity;
  #pointerTimer = 0;
  paused = false;
  utc = false;
  /** Older events than the last line were on the page and had to leave. */
  trimmed = false;

  /**
   * @param {{onHeld: (count: number) => void, onOverflow: () => void, onShown: (count: number) => void}} listeners
   *   `onOverflow`: more was held than is kept; the list must be loaded again
   */
  constructor(listeners) {
    this.listeners = listeners;
    this.body = byId("rows");
    const moved = () => {
      this.#pointerAt = performance.now();
      clearTimeout(this.#pointerTimer);
      this.#pointerTimer = setTimeout(() => this.release(), POINTER_REST_MILLIS);
    };
    this.body.addEventListener("pointermove", moved);
    this.body.addEventListener("pointerdown", moved);
    this.body.addEventListener("pointerleave", () => {
      this.#pointerAt = -Infinity;
      this.release();
    });
    addEventListener("scroll", () => this.release(), { passive: true });
  }

  /** How many events are shown. */
  get count() {
    return this.#known.size;
  }

  /** Whether the page holds as many rows as it may. */
  get full() {
    return this.lines.length >= ROWS_MAX;
  }

  /** Whether lines must stay where they are. */
  get still() {
    const pointing = performance.now() - this.#pointerAt < POINTER_REST_MILLIS;
    return this.paused || pointing || scrollY > TOP_SLACK_PIXELS;
  }

  /** @param {string} id */
  eventOf(id) {
    return this.#known.get(id)?.event ?? null;
  }

  /**
   * Shows exactly these.
   * @param {import("./api.js").Event[]} events newest first
   */
  replace(events) {
    this.#known.clear();
    this.#clearHeld();
    this.trimmed = false;
    this.lines = [];
    this.append(events, true);
  }

  /**
   * Adds what is older. The server's order is kept.
   * @param {import("./api.js").Event[]} events newest first
   * @param {boolean} [alone] take everything else away
   */
  append(events, alone = false) {
    const room = ROWS_MAX - this.lines.length;
    const lines = events.filter((event) => !this.#known.has(event.id)).slice(0, room).map((event) => this.#line(event));
    this.lines.push(...lines);
    const nodes = lines.map((line) => line.node);
    if (alone) this.body.replaceChildren(...nodes);
    else this.body.append(...nodes);
  }

  /**
   * Takes new events: shown at once if nothing would be disturbed, else held.
   * @param {import("./api.js").Event[]} events
   */
  offer(events) {
    for (const event of events) {
      if (this.#known.has(event.id) || this.#held.has(event.id)) continue;
      if (this.#held.size >= HELD_MAX) this.#heldUncounted += 1;
      else this.#held.set(event.id, event);
    }
    if (this.still) this.listeners.onHeld(this.#held.size + this.#heldUncounted);
    else this.show();
  }

  /** Shows what is held if nothing would be disturbed. */
  release() {
    if (this.#held.size && !this.still) this.show();
  }

  /** Shows what is held, whatever moves. */
  show() {
    const overflow = this.#heldUncounted > 0;
    const events = [...this.#held.values()];
    this.#clearHeld();
    if (overflow) {
      this.listeners.onOverflow();
      return;
    }
    for (const event of events) this.#insert(this.#line(event));
    this.#trim();
    if (events.length) this.listeners.onShown(events.length);
  }

  #clearHeld() {
    this.#held.clear();
    this.#heldUncounted = 0;
    this.listeners.onHeld(0);
  }

  /**
   * Draws rules where events are missing.
   * @param {import("./api.js").Missing[]} gaps
   * @param {boolean} toTheEnd whether nothing older than the last line matches
   */
  drawGaps(gaps, toTheEnd) {
    for (const line of this.lines.filter((line) => line.id === "gap")) line.node.remove();
    this.lines = this.lines.filter((line) => line.id !== "gap");
    const told = this.lines.some((line) => line.event?.type === LOSS_TYPE);
    const oldest = this.lines.at(-1)?.key ?? 0n;
    for (const gap of gaps) {
      const at = gap.to ?? gap.from;
      if (!at || (told && !isFoundByStore(gap))) continue;
      const key = nanos(at);
      if (key < oldest && !toTheEnd) continue;
      const node = ruleRow(...missingSpan(gap, this.utc), ` ${missingText(gap)}`);
      this.#insert({ id: "gap", key, event: null, node });
    }
  }

  /**
   * Draws a rule above everything that is shown now.
   * @param {HTMLElement} node
   */
  drawOnTop(node) {
    const key = this.lines[0]?.key ?? nanos(new Date().toISOString());
    this.lines.unshift({ id: "note", key, event: null, node });
    this.body.prepend(node);
  }

  /** @param {import("./api.js").Event} event @returns {Line} */
  #line(event) {
    const line = { id: event.id, key: listTime(event), event, node: eventRow(event, this.utc) };
    this.#known.set(event.id, line);
    return line;
  }

  /** @param {Line} line */
  #insert(line) {
    const later = (known) => known.key > line.key || (known.key === line.key && known.id > line.id);
    let place = 0;
    while (place < this.lines.length && later(this.lines[place])) place += 1;
    this.body.insertBefore(line.node, this.lines[place]?.node ?? null);
    this.lines.splice(place, 0, line);
  }

  #trim() {
    for (const line of this.lines.splice(ROWS_MAX)) {
      line.node.remove();
      this.#known.delete(line.id);
      this.trimmed = true;
    }
  }

  /** Where to go on from when no more rows fit: just after the last line. */
  untilLast() {
    const last = this.lines.at(-1);
    return last ? rfc3339(last.key + 1n) : "";
  }

  /**
   * Writes all times anew.
   * @param {boolean} utc
   */
  setUtc(utc) {
    this.utc = utc;
    for (const time of this.body.querySelectorAll("time")) {
      time.textContent = rowTime(time.dateTime, utc);
      time.title = exactTime(time.dateTime);
    }
  }

  /** The row that has the focus, or had it last. @returns {HTMLElement|null} */
  get current() {
    return this.body.querySelector(".row.current");
  }

  /** @param {HTMLElement|null} row */
  setCurrent(row) {
    for (const other of this.body.querySelectorAll(".row.current, .row[tabindex='0']")) {
      other.classList.remove("current");
      other.setAttribute("tabindex", "-1");
    }
    row?.classList.add("current");
    (row ?? this.body.querySelector(".row"))?.setAttribute("tabindex", "0");
  }

  /**
   * Moves the focus by rows.
   * @param {number} step
   * @returns {HTMLElement|null} the new row; null at an end
   */
  move(step) {
    const rows = /** @type {HTMLElement[]} */ ([...this.body.querySelectorAll(".row")]);
    const at = this.current ? rows.indexOf(this.current) : step > 0 ? -1 : rows.length;
    const row = rows[Math.max(0, Math.min(rows.length - 1, at + step))];
    if (!row || row === this.current) return null;
    this.setCurrent(row);
    row.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
    return row;
  }

  /** In words, for the status line. */
  get summary() {
    return `${counted(this.count, "event")} shown`;
  }
}
