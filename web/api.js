// What does the server say? Everything the page asks of it.

const FILTERS = ["q", "type", "severity", "member"];

/** The filter of a URL's query, with empty values left out. */
export function filterOf(search) {
  const given = new URLSearchParams(search);
  const filter = new URLSearchParams();
  for (const name of [...FILTERS, "since"]) {
    const value = (given.get(name) ?? "").trim();
    if (value) filter.set(name, value);
  }
  return filter;
}

/** One page of events, newest first; throws an Error that says why not. */
export async function list(filter, before) {
  const query = new URLSearchParams(filter);
  query.set("limit", "100");
  if (before) query.set("after", before);
  return ask(`/api/v1/events?${query}`);
}

/** Where the log stands and how it is. */
export async function stats() {
  return ask("/api/v1/stats");
}

/** Records an event of type `hello`. */
export async function sendTest() {
  const answer = await fetch("/e/hello?source=page", { method: "POST", body: "it works" });
  if (!answer.ok) throw await problemOf(answer);
}

/**
 * Follows what arrives. The browser connects again by itself and goes on where it
 * was, by `Last-Event-ID`.
 */
export function follow(filter, on) {
  const query = new URLSearchParams(filter);
  query.delete("since");
  const stream = new EventSource(`/api/v1/events/stream?${query}`);
  stream.addEventListener("hello", (event) => on.hello(JSON.parse(event.data)));
  stream.addEventListener("gap", (event) => on.gap(JSON.parse(event.data)));
  stream.addEventListener("message", (event) => on.event(JSON.parse(event.data)));
  stream.addEventListener("error", () => on.lost(stream.readyState === EventSource.CLOSED));
  return () => stream.close();
}

async function ask(path) {
  let answer;
  try {
    answer = await fetch(path, { headers: { Accept: "application/json" } });
  } catch {
    throw new Error("The server does not answer. It may have been stopped.");
  }
  if (!answer.ok) throw await problemOf(answer);
  return answer.json();
}

async function problemOf(answer) {
  const problem = await answer.json().catch(() => ({}));
  return new Error(problem.detail ?? `The server answered ${answer.status}.`);
}
