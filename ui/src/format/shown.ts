// Names and texts from elsewhere, so that none can pose as another one.

/** Control characters and those that turn the direction of text. */
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
const ESCAPES: Record<string, string> = { '\n': '\\n', '\t': '\\t' };

function escaped(char: string): string {
  return ESCAPES[char] ?? `\\u{${char.charCodeAt(0).toString(16)}}`;
}

/** A name: all of them are written out. */
export function shown(name: string): string {
  return name.replace(UNSAFE, escaped);
}

/** A text of several lines keeps its lines. */
export function harmless(text: string): string {
  return text.replace(UNSAFE, (char) => (char in ESCAPES ? char : escaped(char)));
}
