// How is text shown that nobody vouches for?
//
// Messages are hostile: they may hold terminal escapes, bidirectional overrides
// that reorder what is read, characters without width, floods of combining marks.
// Each of these is shown as a visible escape, so two texts that differ look
// different and no text can pose as another.

import { el } from "./dom.js";

/** Combining marks in a row beyond which the rest is only counted. */
const MARKS_MAX = 8;

// Controls, formats (bidi, zero width, tags), lone surrogates, line separators,
// and fillers that are letters by name and blank by sight.
const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\u115f\u1160\u2800\u3164\uffa0]|\p{M}{9,}/gu;

// Joiners shape emoji and several scripts, and hide nothing by themselves.
const JOINERS = "\u200c\u200d";

const SHORT = new Map([["\n", "\\n"], ["\t", "\\t"], ["\r", "\\r"], ["\0", "\\0"]]);

/**
 * The escape that is shown for one character.
 * @param {string} character
 */
function escapeOf(character) {
  const short = SHORT.get(character);
  if (short) return short;
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  return code < 0x100 ? `\\x${hex.padStart(2, "0")}` : `\\u{${hex}}`;
}

/**
 * Splits text into what is shown as it is and what is shown as an escape.
 * @param {string} text
 * @param {boolean} lines keep line feeds and tabs as they are
 * @returns {Generator<{plain: string}|{escape: string, title: string}>}
 */
function* pieces(text, lines) {
  let from = 0;
  for (const match of text.matchAll(HIDDEN)) {
    const found = match[0];
    const kept = JOINERS.includes(found) || (lines && (found === "\n" || found === "\t"));
    if (kept) continue;
    if (match.index > from) yield { plain: text.slice(from, match.index) };
    from = match.index + found.length;
    const marks = [...found];
    if (marks.length > 1) {
      yield { plain: marks.slice(0, MARKS_MAX).join("") };
      const more = marks.length - MARKS_MAX;
      yield { escape: `[+${more}]`, title: `${more} more combining marks` };
    } else {
      const code = found.codePointAt(0) ?? 0;
      yield { escape: escapeOf(found), title: `U+${code.toString(16).toUpperCase().padStart(4, "0")}` };
    }
  }
  if (from < text.length) yield { plain: text.slice(from) };
}

/**
 * Text for the page: escapes stand out from what was really written.
 * @param {string} text
 * @param {{lines?: boolean, max?: number}} [options] `max`: UTF-16 units shown
 * @returns {DocumentFragment}
 */
export function shown(text, { lines = false, max = Infinity } = {}) {
  const fragment = document.createDocumentFragment();
  const cut = text.length > max ? text.slice(0, max) : text;
  for (const piece of pieces(cut, lines)) {
    if ("plain" in piece) fragment.append(piece.plain);
    else fragment.append(el("span", { class: "esc", title: piece.title }, piece.escape));
  }
  if (cut.length < text.length) fragment.append(el("span", { class: "esc" }, "…"));
  return fragment;
}

/**
 * The same for attributes and titles, where nothing can stand out.
 * @param {string} text
 */
export function shownPlain(text) {
  let out = "";
  for (const piece of pieces(text, false)) out += "plain" in piece ? piece.plain : piece.escape;
  return out;
}

/**
 * Lays out one JSON document, byte for byte as it came but for the spaces between
 * its parts: reading and writing it again would round large numbers.
 * @param {string} json
 * @returns {string}
 */
export function prettyJson(json) {
  let out = "";
  let depth = 0;
  let last = "";
  const line = () => `\n${"  ".repeat(depth)}`;
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/gs)) {
    const opened = last === "{" || last === "[";
    if (token === "}" || token === "]") {
      depth -= 1;
      if (!opened) out += line();
    } else if (opened || last === ",") {
      out += line();
    }
    out += token === ":" ? ": " : token;
    if (token === "{" || token === "[") depth += 1;
    last = token;
  }
  return out;
}
