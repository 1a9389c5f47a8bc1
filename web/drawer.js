// What is known of one event?

import { one, Refused } from "./api.js";
import { eventCommands } from "./commands.js";
import { byId, el } from "./dom.js";
import { hueClass, severityMark, timeElement } from "./rows.js";
import { prettyJson, shown } from "./text.js";

/** Fields that the head of the drawer shows already. */
const IN_HEAD = ["type", "message", "severity"];
/** Fields that can be filtered by, and the condition that does it. */
const CONDITIONS = { memberid: "member", type: "type", subject: "subject", source: "source" };
const TIMES = ["timestamp", "received"];

export class Drawer {
  #abort = new AbortController();
  id = "";

  /**
   * @param {{onClose: () => void, onCopy: (text: string) => void}} listeners
   */
  constructor(listeners) {
    this.dialog = /** @type {HTMLDialogElement} */ (byId("drawer"));
    this.listeners = listeners;
    this.dialog.addEventListener("close", () => {
      this.#abort.abort();
      this.id = "";
      listeners.onClose();
    });
    // A click beside the drawer lands on the dialog itself.
    this.dialog.addEventListener("click", (click) => {
      if (click.target === this.dialog) this.dialog.close();
    });
    byId("drawer-close").addEventListener("click", () => this.dialog.close());
  }

  /**
   * Opens it with what the list knows, and fills in the rest.
   * @param {string} id
   * @param {import("./api.js").Event|null} event
   * @param {boolean} utc
   */
  async open(id, event, utc) {
    this.#abort.abort();
    const abort = (this.#abort = new AbortController());
    this.id = id;
    if (event) this.#fill(event, null, utc);
    else this.#say(`Looking up ${id}`);
    if (!this.dialog.open) this.dialog.showModal();
    this.dialog.scrollTop = 0;
    try {
      const found = await one(id, abort.signal);
      if (!abort.signal.aborted) this.#fill(found.event, found.raw, utc);
    } catch (error) {
      if (abort.signal.aborted) return;
      const why = error instanceof Refused ? error.message : "The server cannot be reached; this is what the list has.";
      if (event) byId("drawer-body").append(el("p", { class: "quiet" }, shown(why)));
      else this.#say(why);
    }
  }

  /** @param {string} text */
  #say(text) {
    byId("drawer-title").replaceChildren("Event");
    byId("drawer-body").replaceChildren(el("p", {}, shown(text)));
  }

  /**
   * @param {import("./api.js").Event} event
   * @param {string|null} raw
   * @param {boolean} utc
   */
  #fill(event, raw, utc) {
    const commands = eventCommands(event.id);
    const button = (label, text) => el("button", { type: "button", onclick: () => this.listeners.onCopy(text) }, label);
    byId("drawer-title").replaceChildren(severityMark(event.severity), " ", shown(event.type));
    const body = [
      el("pre", { class: "message", tabindex: "0", "aria-label": "message" }, shown(event.message ?? "", { lines: true })),
      el("p", { class: "tools" }, button("Copy link", commands.link), button("Copy curl", commands.curl),
        button("Copy command", commands.cli), raw && button("Copy JSON", raw)),
      this.#fields(event, utc),
    ];
    if (raw) {
      body.push(el("h3", {}, "JSON"), el("pre", { class: "json", tabindex: "0", "aria-label": "JSON" }, shown(prettyJson(raw), { lines: true })));
    }
    byId("drawer-body").replaceChildren(...body);
  }

  /**
   * @param {import("./api.js").Event} event
   * @param {boolean} utc
   */
  #fields(event, utc) {
    const rows = [];
    const row = (label, content, ...tools) => rows.push(el("div", {}, el("dt", {}, shown(label)), el("dd", {}, content, ...tools)));
    row("type", shown(event.type), ...filterButtons("type", event.type, true));
    for (const [name, value] of Object.entries(event)) {
      if (IN_HEAD.includes(name) || name === "fields") continue;
      const text = typeof value === "string" ? value : JSON.stringify(value);
      const condition = CONDITIONS[/** @type {keyof CONDITIONS} */ (name)];
      const content = TIMES.includes(name) ? el("span", {}, timeElement(text, utc), ` · ${text}`)
        : name === "memberid" ? el("span", { class: `chip ${hueClass(text)}` }, shown(text))
        : el("span", {}, shown(text));
      row(name === "memberid" ? "member" : name, content, ...(condition ? filterButtons(condition, text, true) : []));
    }
    for (const [name, value] of Object.entries(event.fields ?? {})) {
      const text = typeof value === "string" ? value : JSON.stringify(value);
      row(name, el("span", { class: "field" }, shown(text, { lines: true })), ...filterButtons(`field.${name}`, text, false));
    }
    return el("dl", {}, ...rows);
  }
}

/**
 * @param {string} name the condition
 * @param {string} value
 * @param {boolean} excludable
 */
function filterButtons(name, value, excludable) {
  const make = (label, hint, exclude) => el("button", {
    type: "button", class: "value tool", title: hint, "aria-label": hint,
    "data-name": name, "data-value": value, "data-exclude": exclude,
  }, label);
  const only = make("only", `show only this ${name}`, false);
  return excludable ? [" ", only, " ", make("not", `show all but this ${name}`, true)] : [" ", only];
}
