// How is what the page shows asked for elsewhere: by link, curl, or command line?

import { encodePairs, listParameters } from "./filters.js";

const DEFAULT_SERVERS = ["http://127.0.0.1:8434", "http://localhost:8434", "http://[::1]:8434"];

/** This page's address without query and file name. */
export function serverUrl() {
  return new URL(".", location.href).href.replace(/\/$/, "");
}

/**
 * Quotes for a shell. Control characters are written as escapes: pasted raw, a
 * terminal would act on them.
 * @param {string} text
 */
export function shellQuoted(text) {
  if (/^[\w@%+=:,./-]+$/.test(text)) return text;
  if (!/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(text)) return `'${text.replaceAll("'", "'\\''")}'`;
  const escaped = text.replace(/[\\'\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (c) => {
    if (c === "\\" || c === "'") return `\\${c}`;
    const code = c.codePointAt(0) ?? 0;
    return code < 0x80 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\U${code.toString(16).padStart(8, "0")}`;
  });
  return `$'${escaped}'`;
}

/** The flag that names this server, if the command line would not find it by itself. */
function serverFlag() {
  const url = serverUrl();
  return DEFAULT_SERVERS.includes(url) ? "" : ` --server ${shellQuoted(url)}`;
}

/**
 * The list as three ways to ask for it again.
 * @param {import("./filters.js").State} state
 * @param {number} now milliseconds
 */
export function listCommands(state, now) {
  const query = encodePairs(listParameters(state, now));
  const flags = [
    ["-S", state.since], ["-U", state.until], ["-p", state.severity], ["-t", state.type],
    ["-m", state.member], ["--subject", state.subject], ["--source", state.source],
    ...state.fields.map(([name, value]) => ["-a", `${name}=${value}`]), ["-q", state.q],
  ];
  const given = flags.filter(([, value]) => value).map(([flag, value]) =>
    // A value that begins with a dash would be read as a flag.
    value.startsWith("-") && flag.startsWith("--") ? `${flag}=${shellQuoted(value)}` : `${flag} ${shellQuoted(value)}`);
  return {
    link: location.href,
    curl: `curl ${shellQuoted(`${serverUrl()}/api/v1/events${query ? `?${query}` : ""}`)}`,
    cli: `tidings list${serverFlag()}${given.map((flag) => ` ${flag}`).join("")}`,
  };
}

/**
 * One event as three ways to ask for it again.
 * @param {string} id
 */
export function eventCommands(id) {
  return {
    link: `${location.origin}${location.pathname}?event=${encodeURIComponent(id)}`,
    curl: `curl ${shellQuoted(`${serverUrl()}/api/v1/events/${encodeURIComponent(id)}`)}`,
    cli: `tidings show${serverFlag()} ${shellQuoted(id)}`,
  };
}

/** What a newcomer types to see a first event here. */
export function firstCommands() {
  const url = serverUrl().replace(/^http:\/\/127\.0\.0\.1/, "localhost");
  return [
    `curl -d "disk 91%" ${shellQuoted(`${url}/e/disk.high?severity=warn&member=db1`)}`,
    `tidings add${serverFlag()} -t deploy -a version=1.42 "api rolled out"`,
    `tidings run${serverFlag()} -t build -- cargo build`,
  ];
}

/**
 * Copies; resolves to whether it worked.
 * @param {string} text
 */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyOldWay(text);
  }
}

/**
 * Browsers give the clipboard to https and loopback only; a plain http address
 * in a private network has to go through a selection.
 * @param {string} text
 */
function copyOldWay(text) {
  const field = document.createElement("textarea");
  field.value = text;
  const home = document.querySelector("dialog[open]") ?? document.body;
  home.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  return copied;
}
