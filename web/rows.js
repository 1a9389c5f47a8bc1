// How does an event look? Rows of the table; data becomes text, never markup.

const CLOCK = new Intl.DateTimeFormat(undefined, {
  month: "short", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
});

/** A row; `pick(name, value)` is called when a value is chosen as a filter. */
export function eventRow(event, pick) {
  const row = document.createElement("tr");
  row.dataset.id = event.id;
  if (event.type.startsWith("tidings.")) row.className = "own";
  row.append(
    timeCell(event.timestamp),
    severityCell(event.severity),
    pickCell("member", event.memberid, pick),
    pickCell("type", event.type, pick),
    whatCell(event),
  );
  return row;
}

/** A rule across the table: something should be here and is not. */
export function gapRow(gap) {
  const row = document.createElement("tr");
  row.className = "gap";
  const cell = document.createElement("td");
  cell.colSpan = 5;
  const count = typeof gap.from === "number" ? `${gap.to - gap.from} events` : "Events";
  cell.textContent = `${count} are missing here (${gap.reason}).`;
  row.append(cell);
  return row;
}

function timeCell(timestamp) {
  const time = document.createElement("time");
  time.dateTime = timestamp;
  time.title = timestamp;
  const at = new Date(timestamp);
  time.textContent = Number.isNaN(at.valueOf()) ? timestamp : CLOCK.format(at);
  return cellOf("time", time);
}

const MARKS = { fatal: "✖", error: "✖", warn: "▲", info: "●", debug: "·", trace: "·" };

function severityCell(severity) {
  const word = document.createElement("span");
  word.className = "severity";
  word.dataset.level = severity;
  word.textContent = `${MARKS[severity] ?? "●"} ${severity}`;
  return cellOf("level", word);
}

function pickCell(name, value, pick) {
  const chip = document.createElement("button");
  chip.type = "button";
  chip.className = "chip";
  chip.textContent = value;
  chip.title = `Only this ${name}`;
  chip.addEventListener("click", () => pick(name, value));
  return cellOf("name", chip);
}

function whatCell(event) {
  const cell = cellOf("what");
  if (event.subject) {
    const subject = document.createElement("span");
    subject.className = "subject";
    subject.textContent = `${event.subject} `;
    cell.append(subject);
  }
  cell.append(event.message);
  const fields = Object.entries(event.fields ?? {});
  if (fields.length > 0) {
    const line = document.createElement("span");
    line.className = "fields";
    line.textContent = fields.map(([name, value]) => `${name}=${shown(value)}`).join("  ");
    cell.append(line);
  }
  return cell;
}

function shown(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function cellOf(name, child) {
  const cell = document.createElement("td");
  cell.className = name;
  if (child) cell.append(child);
  return cell;
}
