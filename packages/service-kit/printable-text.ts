// Text from strangers made safe to show: titles, peer names, error messages, whatever a flag held.
// Not HTML escaping: pages have their own.
// Invariant: the result has no control character, no line break, and nothing that reorders or hides what follows.

// Control characters (C0, DEL, C1), line and paragraph separators, bidirectional marks, and invisible joiners of lines.
const HOSTILE_EXPRESSION = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu

// In JSON text the C0 range is escaped already, except where a line of it ends.
const HOSTILE_IN_JSON_EXPRESSION = /[\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g

/** Hostile characters become visible escapes: `\u001b`. */
export function printable(text: string): string {
  return text.replace(HOSTILE_EXPRESSION, escapeOf)
}

/** The same for a stack trace or other text of several lines, which keeps its line breaks. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n')
}

/** The same for one line of JSON, which stays JSON with the same meaning. */
export function printableJson(line: string): string {
  return line.replace(HOSTILE_IN_JSON_EXPRESSION, escapeOf)
}

function escapeOf(character: string): string {
  const code = character.codePointAt(0) ?? 0
  return code > 0xffff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, '0')}`
}
