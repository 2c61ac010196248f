// Texts of others as they are: what would not be seen, or would turn what stands after it, is
// written out.

/** Control characters but tab and line break, and those that turn the direction of text. */
const UNSEEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** A text that cannot pose as another one: a message, or lines of output. */
export function told(text: string): string {
  return text.replace(UNSEEN, (char) => `\\u{${char.charCodeAt(0).toString(16)}}`);
}

/** A name or path that cannot pose as another one: on one line. */
export function shown(name: string): string {
  return told(name).replaceAll('\n', '\\n').replaceAll('\t', '\\t');
}
