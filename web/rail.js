// How much of which is there? Counts that filter when they are clicked.

import { byId, counted, el } from "./dom.js";
import { SEVERITIES } from "./filters.js";
import { hueClass, severityMark, valueButton } from "./rows.js";

/** A button that is being pressed must not go from under the pointer. */
const PRESSED_PAUSE_MILLIS = 200;

const TITLES = { severity: "Severity", type: "Type", member: "Member" };
const rail = byId("rail");
let waiting = 0;

// Open where there is room beside the list; from then on as the reader likes.
rail.open = matchMedia("(min-width: 64.01rem)").matches;

/**
 * Shows counts; null takes them away.
 * @param {import("./api.js").Facet[]|null} facets
 */
export function showRail(facets) {
  clearTimeout(waiting);
  if (rail.matches(":active")) {
    waiting = setTimeout(() => showRail(facets), PRESSED_PAUSE_MILLIS);
    return;
  }
  const some = (facets ?? []).filter((facet) => facet.values.length > 0);
  const focused = document.activeElement?.closest("#rail li")?.dataset.of;
  rail.hidden = some.length === 0;
  byId("rail-body").replaceChildren(...some.map(section));
  const lines = [...rail.querySelectorAll("li[data-of]")];
  if (focused) (lines.find((one) => one.dataset.of === focused)?.firstChild ?? rail.firstElementChild).focus();
}

/** @param {import("./api.js").Facet} facet */
function section({ of, values, other, distinct }) {
  const listed = of === "severity"
    ? [...values].sort((a, b) => SEVERITIES.indexOf(b.value) - SEVERITIES.indexOf(a.value))
    : values;
  const more = distinct - values.length;
  return el("section", {}, el("h2", {}, TITLES[/** @type {keyof TITLES} */ (of)]),
    el("ul", {}, ...listed.map(({ value, count }) => line(of, value, count)),
      more > 0 && el("li", { class: "quiet" }, `${more.toLocaleString("en-US")} more`, el("span", { class: "count" }, other.toLocaleString("en-US")))));
}

/**
 * @param {string} of
 * @param {string} value
 * @param {number} count
 */
function line(of, value, count) {
  const look = of === "member" ? `chip ${hueClass(value)}` : "";
  const button = valueButton(of, value, look, of === "severity" ? severityMark(value) : undefined);
  button.tabIndex = 0;
  return el("li", { "data-of": `${of} ${value}` }, button,
    el("span", { class: "count", title: counted(count, "event") }, count.toLocaleString("en-US")));
}
