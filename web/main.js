// What happens when somebody clicks, types, or goes back?

import { FilterBar } from "./bar.js";
import { listCommands } from "./commands.js";
import { byId, debounced } from "./dom.js";
import { Drawer } from "./drawer.js";
import { rangeText, withValue } from "./filters.js";
import { listenForKeys } from "./keys.js";
import {
  closeStream, copied, go, load, loadOlder, note, now, onChanged, openStream, overview, refreshSummary, rows, start, state,
} from "./session.js";

/** How often the top line is brought up to date. */
const SUMMARY_EVERY_MILLIS = 15_000;
/** A hidden page gives its connection back: a browser has six for a server. */
const HIDDEN_CLOSE_MILLIS = 10_000;
/** A screen reader is told of changes once they pause. */
const STATUS_PAUSE_MILLIS = 500;

const bar = new FilterBar({ onChange: go });
const drawer = new Drawer({
  onClose: () => state.event && note({ event: "" }),
  onCopy: copied,
});

const describe = debounced(() => {
  byId("status").textContent = `${rows.summary}, ${rangeText(state)}${state.paused ? ", paused" : ""}`;
  bar.suggest(rows.lines.flatMap((line) => line.event ?? []));
}, STATUS_PAUSE_MILLIS);

/** @param {HTMLElement|null} row */
function openRow(row) {
  const id = row?.dataset.id;
  if (!id) return;
  rows.setCurrent(row);
  note({ event: id });
  drawer.open(id, rows.eventOf(id), state.utc);
}

function togglePause() {
  note({ paused: !state.paused });
  if (!state.paused) load();
}

function toggleUtc() {
  note({ utc: !state.utc });
  rows.setUtc(state.utc);
  overview.histogram.setUtc(state.utc);
}

function showNew() {
  scrollTo(0, 0);
  rows.show();
}

/** @param {number} by */
function step(by) {
  const row = rows.move(by);
  if (!row && by > 0) loadOlder();
  if (row && drawer.dialog.open) openRow(row);
}

/**
 * A value was clicked, in a row or in the drawer.
 * @param {MouseEvent} click
 * @returns {boolean} whether it was one
 */
function onValue(click) {
  const button = click.target instanceof Element ? /** @type {HTMLElement|null} */ (click.target.closest("button.value")) : null;
  if (!button) return false;
  const { name = "", value = "", exclude } = button.dataset;
  const to = withValue({ ...state, event: "" }, name, value, click.altKey || exclude === "true");
  note({ event: "" });
  drawer.dialog.close();
  go(to);
  return true;
}

function showState() {
  bar.show(state);
  byId("pause").textContent = state.paused ? "Resume" : "Pause";
  byId("pause").setAttribute("aria-pressed", String(state.paused));
  byId("utc").textContent = state.utc ? "UTC" : "Local time";
  describe();
}

/** Shows what the URL says. */
function arrive() {
  start();
  if (state.event) drawer.open(state.event, rows.eventOf(state.event), state.utc);
  else drawer.dialog.close();
}

function listenToList() {
  rows.body.addEventListener("click", (click) => {
    // Marking text is not opening.
    if (onValue(click) || !getSelection()?.isCollapsed) return;
    openRow(click.target.closest(".row"));
  });
  rows.body.addEventListener("focusin", (focus) => {
    const row = focus.target.closest(".row");
    if (row && row !== rows.current) rows.setCurrent(row);
  });
  byId("drawer-body").addEventListener("click", onValue);
  byId("rail-body").addEventListener("click", onValue);
  byId("more").addEventListener("click", loadOlder);
  byId("pill").addEventListener("click", showNew);
}

function listenToTools() {
  byId("pause").addEventListener("click", togglePause);
  byId("utc").addEventListener("click", toggleUtc);
  byId("help-open").addEventListener("click", () => byId("help").showModal());
  const menu = byId("copy");
  for (const kind of /** @type {const} */ (["link", "curl", "cli"])) {
    byId(`copy-${kind}`).addEventListener("click", () => {
      menu.open = false;
      copied(listCommands(state, now())[kind]);
    });
  }
  addEventListener("click", (click) => {
    if (!menu.contains(click.target)) menu.open = false;
  });
}

function listenToWindow() {
  let hiddenTimer = 0;
  addEventListener("popstate", arrive);
  // Browsers keep a page that was left, with its connection: six of those, and
  // the seventh page would wait for ever.
  addEventListener("pagehide", closeStream);
  addEventListener("pageshow", (show) => show.persisted && load());
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hiddenTimer);
    if (document.hidden) hiddenTimer = setTimeout(closeStream, HIDDEN_CLOSE_MILLIS);
    else openStream();
  });
  setInterval(() => document.hidden || refreshSummary(), SUMMARY_EVERY_MILLIS);
}

onChanged(showState);
listenToList();
listenToTools();
listenToWindow();
listenForKeys({
  search: () => byId("q").focus(),
  next: () => step(1),
  previous: () => step(-1),
  open: () => openRow(rows.current),
  first: () => {
    showNew();
    rows.move(-Infinity);
  },
  last: () => rows.move(Infinity),
  live: togglePause,
  utc: toggleUtc,
  copy: () => copied(location.href),
  help: () => byId("help").showModal(),
  back: () => history.state?.zoomed && history.back(),
});
arrive();
