// When did how much happen? Bars stacked by severity; dragging over them zooms.

import { byId, counted, svg } from "./dom.js";
import { SEVERITIES } from "./filters.js";
import { nanos, rfc3339, rowTime, spanText } from "./times.js";

/** Units of the drawing from top to bottom; from left to right a bar is one. */
const HEIGHT = 60;
/** A single event among thousands can still be seen. */
const PART_HEIGHT_MIN = 2;
/** Moved less than this, a pointer was not dragged. */
const DRAG_PIXELS_MIN = 4;

export class Histogram {
  /** @type {import("./api.js").HistogramAnswer|null} */
  #answer = null;
  #utc = false;
  /** Bars that are marked, from where to where it was marked; null: none. */
  #marked = /** @type {[number, number]|null} */ (null);
  #pressedAt = /** @type {number|null} */ (null);

  /** @param {{onZoom: (since: string, until: string) => void}} listeners */
  constructor(listeners) {
    this.listeners = listeners;
    this.bars = byId("bars");
    this.bars.addEventListener("pointerdown", (press) => this.#pressed(press));
    this.bars.addEventListener("pointermove", (move) => this.#moved(move));
    this.bars.addEventListener("pointerup", (release) => this.#released(release));
    this.bars.addEventListener("pointercancel", () => this.#mark(null));
    this.bars.addEventListener("pointerleave", () => this.#pressedAt === null && this.#mark(null));
    this.bars.addEventListener("keydown", (press) => this.#typed(press));
    this.bars.addEventListener("blur", () => this.#mark(null));
  }

  /**
   * Shows an answer; what is being marked stays as long as the bars are the same.
   * @param {import("./api.js").HistogramAnswer|null} answer
   * @param {boolean} utc
   */
  show(answer, utc) {
    const same = answer?.since === this.#answer?.since && answer?.step === this.#answer?.step;
    if (!same) {
      this.#marked = null;
      this.#pressedAt = null;
    }
    this.#answer = answer;
    this.#utc = utc;
    byId("histogram").hidden = !answer?.matched;
    if (answer?.matched) this.#draw(answer);
  }

  /** @param {boolean} utc */
  setUtc(utc) {
    this.show(this.#answer, utc);
  }

  get #count() {
    return this.#answer?.series[0]?.counts.length ?? 0;
  }

  /** @param {import("./api.js").HistogramAnswer} answer */
  #draw(answer) {
    const sums = Array.from({ length: this.#count }, (_, bar) => sum(answer, bar));
    const scale = HEIGHT / Math.max(...sums, 1);
    // The worst stand on the ground, where they can be compared.
    const worstFirst = [...answer.series].sort((a, b) => SEVERITIES.indexOf(b.name) - SEVERITIES.indexOf(a.name));
    const parts = sums.flatMap((_, bar) => {
      let top = HEIGHT;
      return worstFirst.filter((series) => series.counts[bar]).map((series) => {
        const height = Math.max(series.counts[bar] * scale, PART_HEIGHT_MIN);
        top -= height;
        return svg("rect", { class: `bar sev-${series.name}`, x: bar + 0.06, y: top, width: 0.88, height });
      });
    });
    this.mark = svg("rect", { class: "mark", y: 0, height: HEIGHT, width: 0, x: 0 });
    this.bars.setAttribute("viewBox", `0 0 ${this.#count} ${HEIGHT}`);
    this.bars.replaceChildren(this.mark, ...parts);
    const most = sums.indexOf(Math.max(...sums));
    const shares = worstFirst.map((series) => `${series.total.toLocaleString("en-US")} ${series.name}`).join(", ");
    this.summary = `${counted(answer.matched, "event")}: ${shares}; ${spanText(answer.step)} a bar`;
    this.bars.setAttribute("aria-label", `Histogram. ${this.summary}. Most in ${this.#told(most, most)}. Arrow keys read the bars, with Shift mark them, Enter zooms.`);
    byId("bars-from").textContent = rowTime(answer.since, this.#utc);
    byId("bars-to").textContent = rowTime(answer.until, this.#utc);
    this.#mark(this.#marked);
  }

  /**
   * Some bars in words: from when to when, how many of which.
   * @param {number} first
   * @param {number} last
   */
  #told(first, last) {
    const answer = /** @type {import("./api.js").HistogramAnswer} */ (this.#answer);
    const total = (counts) => counts.slice(first, last + 1).reduce((all, count) => all + count, 0);
    const shares = answer.series.map((series) => [series.name, total(series.counts)]).filter(([, count]) => count);
    const span = `${rowTime(this.#edge(first), this.#utc)} to ${rowTime(this.#edge(last + 1), this.#utc)}`;
    return `${span}: ${shares.map(([name, count]) => `${count.toLocaleString("en-US")} ${name}`).join(", ") || "nothing"}`;
  }

  /** Where a bar begins. @param {number} bar */
  #edge(bar) {
    const { since, step } = /** @type {import("./api.js").HistogramAnswer} */ (this.#answer);
    return rfc3339(nanos(since) + BigInt(bar) * BigInt(step) * 1_000_000_000n).replace(/\.0+Z$/, "Z");
  }

  /** @param {[number, number]|null} marked */
  #mark(marked) {
    this.#marked = marked;
    if (!marked) this.#pressedAt = null;
    const [first, last] = marked ? sorted(marked) : [0, -1];
    this.mark?.setAttribute("x", String(first));
    this.mark?.setAttribute("width", String(last + 1 - first));
    byId("bars-told").textContent = marked ? this.#told(first, last) : this.summary ?? "";
  }

  #zoom() {
    if (!this.#marked) return;
    const [first, last] = sorted(this.#marked);
    const [since, until] = [this.#edge(first), this.#edge(last + 1)];
    this.#mark(null);
    this.listeners.onZoom(since, until);
  }

  /** The bar under a pointer. @param {PointerEvent} pointer */
  #barAt(pointer) {
    const box = this.bars.getBoundingClientRect();
    const bar = Math.floor(((pointer.clientX - box.left) / box.width) * this.#count);
    return Math.min(Math.max(bar, 0), this.#count - 1);
  }

  /** @param {PointerEvent} press */
  #pressed(press) {
    if (press.button !== 0) return;
    this.bars.setPointerCapture(press.pointerId);
    this.#pressedAt = press.clientX;
    this.#mark([this.#barAt(press), this.#barAt(press)]);
  }

  /** @param {PointerEvent} move */
  #moved(move) {
    const bar = this.#barAt(move);
    this.#mark([this.#pressedAt === null ? bar : this.#marked?.[0] ?? bar, bar]);
  }

  /** @param {PointerEvent} release */
  #released(release) {
    const dragged = this.#pressedAt !== null && Math.abs(release.clientX - this.#pressedAt) >= DRAG_PIXELS_MIN;
    this.#pressedAt = null;
    if (!dragged) return;
    this.#zoom();
    // The focus was the pointer's; no frame has to tell where it is.
    this.bars.blur();
  }

  /** @param {KeyboardEvent} press */
  #typed(press) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[press.key];
    if (by) {
      const [from, at] = this.#marked ?? [this.#count, this.#count];
      const bar = Math.min(Math.max(at + by, 0), this.#count - 1);
      this.#mark([press.shiftKey && this.#marked ? from : bar, bar]);
    } else if (press.key === "Enter" && this.#marked) this.#zoom();
    else if (press.key === "Escape" && this.#marked) this.#mark(null);
    else return;
    press.preventDefault();
    press.stopPropagation();
  }
}

/** @param {[number, number]} marked @returns {[number, number]} */
const sorted = ([a, b]) => (a <= b ? [a, b] : [b, a]);

/**
 * @param {import("./api.js").HistogramAnswer} answer
 * @param {number} bar
 */
const sum = (answer, bar) => answer.series.reduce((all, series) => all + series.counts[bar], 0);
