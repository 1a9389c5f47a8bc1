// What do the counts say, and when are they asked for?

import { facets as askFacets, histogram as askHistogram } from "./api.js";
import { listParameters } from "./filters.js";
import { Histogram } from "./histogram.js";
import { showRail } from "./rail.js";
import { fromMillis, rfc3339 } from "./times.js";

export class Overview {
  #asking = new AbortController();

  /** @param {{onZoom: (since: string, until: string) => void}} listeners */
  constructor(listeners) {
    this.histogram = new Histogram(listeners);
  }

  /**
   * Asks for the counts of what the list shows. What was shown stays until the
   * answer is there, and also when there is none: the list tells of that.
   * @param {import("./filters.js").State} state
   * @param {number} now milliseconds, by the server's clock
   */
  async ask(state, now) {
    this.#asking.abort();
    this.#asking = new AbortController();
    const { signal } = this.#asking;
    const parameters = listParameters(state, now);
    // Without an end the bars would end at the newest event, and silence since
    // then would not be seen.
    const ended = state.until ? parameters : [...parameters, ["until", rfc3339(fromMillis(now))]];
    try {
      const [histogram, counts] = await Promise.all([
        askHistogram(/** @type {[string, string][]} */ (ended), signal), askFacets(parameters, signal),
      ]);
      if (signal.aborted) return;
      this.histogram.show(histogram, state.utc);
      showRail(counts.facets);
    } catch {
      // The list has said why.
    }
  }

  /** Takes the counts away: there is no list either. */
  clear() {
    this.#asking.abort();
    this.histogram.show(null, false);
    showRail(null);
  }
}
