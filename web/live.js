// How does the page hear of new events, without losing one?
//
// The browser's EventSource reconnects by itself after a broken connection and
// sends the cursor where it stood. It gives up for good when the server (or a proxy)
// answers with an error: then the page opens a new one, with back-off. Whoever
// listens is told each time a stream stands, and looks up what it may have missed.

const RETRY_MILLIS_MIN = 1000;
const RETRY_MILLIS_MAX = 15_000;

/**
 * @typedef {Object} Listeners
 * @property {(event: import("./api.js").Event) => void} onEvent
 * @property {() => void} onHello the stream stands, for the first time or again
 * @property {(gap: {from?: number, to?: number, reason?: string}) => void} onGap
 * @property {(count: number) => void} onDropped
 * @property {(state: "connecting"|"live"|"broken"|"off") => void} onState
 */

export class Follow {
  /** @type {EventSource|null} */
  #source = null;
  #retry = 0;
  #failures = 0;
  #cursor = "";

  /** @param {Listeners} listeners */
  constructor(listeners) {
    this.listeners = listeners;
  }

  /** Whether it follows, or tries to. */
  get isOpen() {
    return this.#source !== null;
  }

  /**
   * Follows from now on; what it followed before is over.
   * @param {string} query the filter, percent-encoded
   */
  open(query) {
    this.close();
    this.query = query;
    this.#cursor = "";
    this.#connect();
  }

  /** Ends it. */
  close() {
    clearTimeout(this.#retry);
    this.#source?.close();
    this.#source = null;
    this.listeners.onState("off");
  }

  #connect() {
    const after = this.#cursor ? `after=${encodeURIComponent(this.#cursor)}` : "";
    const query = [this.query, after].filter(Boolean).join("&");
    const source = new EventSource(`api/v1/events/stream${query ? `?${query}` : ""}`);
    this.#source = source;
    this.listeners.onState("connecting");
    const listen = (name, handle) => source.addEventListener(name, (message) => {
      if (message.lastEventId) this.#cursor = message.lastEventId;
      handle(parsed(message.data));
    });
    listen("hello", () => this.#stands());
    listen("message", (event) => event && this.listeners.onEvent(event));
    listen("gap", (gap) => this.listeners.onGap(gap ?? {}));
    listen("dropped", (dropped) => this.listeners.onDropped(dropped?.count ?? 0));
    source.onerror = () => this.#failed(source);
  }

  #stands() {
    this.#failures = 0;
    this.listeners.onState("live");
    this.listeners.onHello();
  }

  /** @param {EventSource} source */
  #failed(source) {
    if (source !== this.#source) return;
    this.listeners.onState("broken");
    if (source.readyState !== EventSource.CLOSED) return;
    this.#failures += 1;
    // A cursor that was refused twice is of no use: the log may be another one.
    if (this.#failures > 1) this.#cursor = "";
    const wait = Math.min(RETRY_MILLIS_MIN * 2 ** (this.#failures - 1), RETRY_MILLIS_MAX);
    this.#retry = setTimeout(() => this.#connect(), wait);
  }
}

/** @param {string} data */
function parsed(data) {
  try {
    return JSON.parse(data);
  } catch {
    return null;
  }
}
