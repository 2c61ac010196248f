import { told } from './shown';

/**
 * What the daemon says, as a sentence: it begins with a capital and ends. Names keep their case, of
 * machines and plans where they are given, or where an address follows, and whatever does not look like a word.
 */
export function sentence(text: string, names: string[] = []): string {
  const trimmed = text.trim();
  const word = trimmed.split(/\s/, 1)[0] ?? '';
  const isAddressed = /^\S+ at [a-z]+:\/\//.test(trimmed);
  const isPlain = /^[a-z]+[,:;]?$/.test(word) && !names.includes(word) && !isAddressed;
  return clause(isPlain ? trimmed.charAt(0).toUpperCase() + trimmed.slice(1) : trimmed);
}

/** The same after a colon. */
export function clause(text: string): string {
  const trimmed = told(text).trim();
  return trimmed === '' || /[.!?…]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}
