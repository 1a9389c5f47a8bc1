// How are instants and spans read, compared and written?
//
// Events carry nanoseconds, which a JavaScript date cannot hold: an instant here
// is a bigint of nanoseconds since 1970.

const SECOND = 1_000_000_000n;
/** An event counts as at most this much later than it was received. */
const AHEAD_MAX = 300n * SECOND;
const UNIT_SECONDS = { s: 1, m: 60, h: 3600, d: 86400 };

/**
 * Reads RFC 3339.
 * @param {string} text
 * @returns {bigint}
 */
export function nanos(text) {
  const parts = /^([^.]*?)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/i.exec(text);
  const millis = parts ? Date.parse(parts[1] + parts[3]) : NaN;
  if (!parts || Number.isNaN(millis)) return 0n;
  const fraction = (parts[2] ?? "").padEnd(9, "0").slice(0, 9);
  return BigInt(millis) * 1_000_000n + BigInt(fraction);
}

/**
 * Writes RFC 3339 in UTC, with nanoseconds.
 * @param {bigint} instant
 */
export function rfc3339(instant) {
  const fraction = ((instant % SECOND) + SECOND) % SECOND;
  const seconds = new Date(Number((instant - fraction) / 1_000_000n)).toISOString().slice(0, 19);
  return `${seconds}.${String(fraction).padStart(9, "0")}Z`;
}

/** @param {number} millis @returns {bigint} */
export function fromMillis(millis) {
  return BigInt(Math.round(millis)) * 1_000_000n;
}

/**
 * The time by which lists are ordered: a date far in the future must not top
 * every list for ever.
 * @param {{timestamp: string, received?: string}} event
 */
export function listTime(event) {
  const at = nanos(event.timestamp);
  if (!event.received) return at;
  const latest = nanos(event.received) + AHEAD_MAX;
  return at < latest ? at : latest;
}

/**
 * Seconds of `90s`, `15m`, `6h`, `2d`; null for anything else.
 * @param {string} text
 * @returns {number|null}
 */
export function spanSeconds(text) {
  const parts = /^(\d{1,9})([smhd])$/.exec(text);
  if (!parts) return null;
  return Number(parts[1]) * UNIT_SECONDS[/** @type {"s"|"m"|"h"|"d"} */ (parts[2])];
}

/**
 * A span in its two largest units: `23h58m`, `2d3h`, `42s`.
 * @param {number} seconds
 */
export function spanText(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [d, h, m, s] = [
    Math.floor(whole / 86400), Math.floor(whole / 3600) % 24, Math.floor(whole / 60) % 60, whole % 60,
  ];
  if (d) return h ? `${d}d${h}h` : `${d}d`;
  if (h) return m ? `${h}h${m}m` : `${h}h`;
  if (m) return s && m < 10 ? `${m}m${s}s` : `${m}m`;
  return `${s}s`;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** @param {number} n */
const two = (n) => String(n).padStart(2, "0");

/**
 * The parts of a date on the wall, here or in UTC.
 * @param {Date} date
 * @param {boolean} utc
 */
function wall(date, utc) {
  const zone = utc ? 0 : -date.getTimezoneOffset();
  const moved = new Date(date.getTime() + zone * 60_000);
  return { day: moved.toISOString().slice(0, 10), clock: moved.toISOString().slice(11, 19), zone, moved };
}

/**
 * For a row: the time of day, with the date in front if it is not today's.
 * @param {string} timestamp
 * @param {boolean} utc
 */
export function rowTime(timestamp, utc) {
  const date = new Date(timestamp);
  if (Number.isNaN(date.getTime())) return timestamp;
  const { day, clock, moved } = wall(date, utc);
  const today = wall(new Date(), utc).day;
  if (day === today) return clock;
  if (day.slice(0, 4) === today.slice(0, 4)) return `${MONTHS[moved.getUTCMonth()]} ${two(moved.getUTCDate())} ${clock}`;
  return `${day} ${clock}`;
}

/**
 * For a hover: to the last digit, as it was written, and here.
 * @param {string} timestamp
 */
export function exactTime(timestamp) {
  const date = new Date(timestamp);
  if (Number.isNaN(date.getTime())) return timestamp;
  const { day, clock, zone } = wall(date, false);
  const offset = `${zone < 0 ? "-" : "+"}${two(Math.floor(Math.abs(zone) / 60))}:${two(Math.abs(zone) % 60)}`;
  const ago = (Date.now() - date.getTime()) / 1000;
  const relative = ago >= 0 ? `${spanText(ago)} ago` : `in ${spanText(-ago)}`;
  return `${timestamp}\n${day} ${clock} ${offset} here\n${relative}`;
}
