// What does a person see? The state is the URL; the rest is drawn from it.

import { filterOf, follow, list, sendTest, stats } from "./api.js";
import { eventRow, gapRow } from "./rows.js";

/** Rows on the page, at most: older ones leave at the bottom. */
const ROWS_MAX = 2000;

const at = (id) => document.getElementById(id);
const form = at("filter");
const body = at("events").tBodies[0];

let stopFollowing = () => {};
let older = null;
let turn = 0;

function show(id, visible) {
  at(id).hidden = !visible;
}

function span(seconds) {
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  return hours > 0 ? `${hours}h${String(minutes).padStart(2, "0")}m` : `${minutes}m`;
}

function tellCoverage(coverage, events) {
  const reach = coverage.oldest
    ? `reaches back ${span((Date.now() - Date.parse(coverage.oldest)) / 1000)} of ${span(coverage.retention)}`
    : `keeps ${span(coverage.retention)}`;
  const count = events === undefined ? "" : `, ${events.toLocaleString()} events`;
  const whole = coverage.complete ? "nothing missing" : missing(coverage.gaps);
  at("coverage").textContent = `${reach}${count}, ${whole}`;
}

function missing(gaps) {
  const reasons = [...new Set(gaps.map((gap) => gap.reason.replaceAll("_", " ")))];
  return reasons.length > 0 ? `something is missing: ${reasons.join(", ")}` : "something may be missing";
}

function tellLive(state, words) {
  at("live").dataset.state = state;
  at("live").textContent = words;
}

function tellProblem(problem) {
  at("problem").textContent = problem ? problem.message : "";
  show("problem", Boolean(problem));
}

function pick(name, value) {
  form.elements[name].value = value;
  go();
}

/** Puts the form into the URL and draws what the URL says. */
function go() {
  const filter = filterOf(new URLSearchParams(new FormData(form)));
  const query = filter.toString();
  history.pushState(null, "", query ? `?${query}` : location.pathname);
  draw();
}

function fillForm(filter) {
  for (const field of form.elements) {
    if (field.name) field.value = filter.get(field.name) ?? "";
  }
}

async function draw() {
  const mine = ++turn;
  const filter = filterOf(location.search);
  fillForm(filter);
  stopFollowing();
  tellLive("waiting", "connecting");
  // Follow first, then list: what arrives between the two is seen twice and shown
  // once, never missed.
  const early = [];
  let drawn = false;
  stopFollowing = follow(filter, {
    hello: (coverage) => {
      tellLive("live", "live");
      tellCoverage(coverage);
    },
    gap: (gap) => body.prepend(gapRow(gap)),
    event: (event) => (drawn ? add(event) : early.push(event)),
    lost: (forGood) => tellLive("lost", forGood ? "not live: reload the page" : "connection lost, trying again"),
  });
  try {
    const [page, about] = await Promise.all([list(filter), stats()]);
    if (mine !== turn) return;
    tellProblem(null);
    body.replaceChildren(...page.events.map((event) => eventRow(event, pick)));
    older = page.page.next;
    tellCoverage(page.coverage, about.store.events);
    at("note").textContent = page.read_as ? `Searched for: ${page.read_as}` : "";
    tellState(about.store.events === 0);
    drawn = true;
    early.forEach(add);
  } catch (problem) {
    if (mine === turn) tellProblem(problem);
  }
}

function tellState(neverAny) {
  const rows = body.rows.length > 0;
  show("events", rows);
  show("empty", !rows && neverAny);
  show("nothing", !rows && !neverAny);
  show("more", rows && older !== null);
}

function add(event) {
  const known = body.querySelector(`tr[data-id="${CSS.escape(event.id)}"]`);
  if (known) return;
  // Nothing may move under the eye of a reader further down.
  const reading = window.scrollY > 0;
  const height = document.documentElement.scrollHeight;
  body.prepend(eventRow(event, pick));
  while (body.rows.length > ROWS_MAX) body.lastElementChild.remove();
  tellState(false);
  if (reading) window.scrollBy(0, document.documentElement.scrollHeight - height);
}

async function showOlder() {
  const mine = turn;
  try {
    const page = await list(filterOf(location.search), older);
    if (mine !== turn) return;
    body.append(...page.events.map((event) => eventRow(event, pick)));
    older = body.rows.length < ROWS_MAX ? page.page.next : null;
    tellState(false);
  } catch (problem) {
    tellProblem(problem);
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  go();
});
form.addEventListener("reset", (event) => {
  event.preventDefault();
  fillForm(new URLSearchParams());
  go();
});
at("more").addEventListener("click", showOlder);
at("widen").addEventListener("click", () => {
  fillForm(new URLSearchParams());
  form.elements.since.value = "all";
  go();
});
at("copy").addEventListener("click", async () => {
  await navigator.clipboard.writeText(at("command").textContent);
  at("copy").textContent = "Copied";
});
at("test").addEventListener("click", () => sendTest().catch(tellProblem));
window.addEventListener("popstate", draw);
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, select, textarea");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    form.elements.q.focus();
  }
});

at("command").textContent = `curl -d 'it works' '${location.origin}/e/hello'`;
draw();
