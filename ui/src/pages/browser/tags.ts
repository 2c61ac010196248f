// What snapshots are told apart by, beside machine and plan: tags, host, paths.
import type { Snapshot } from '$/gen/holdfast/api/v1/api_pb';

/** Those that holdfast writes say whose it is, which is said anyway. */
const WHOSE = /^(plan|created-by):/;

export function tagsOf({ tags }: Snapshot): string[] {
  return tags.filter((tag) => !WHOSE.test(tag));
}

/** Whether every word that is typed is in one of these texts. */
export function mentions(texts: (string | undefined)[], typed: string): boolean {
  const text = texts.join(' ').toLowerCase();
  return typed
    .toLowerCase()
    .split(/\s+/)
    .every((part) => text.includes(part));
}

export function has(one: Snapshot, typed: string): boolean {
  return mentions([...tagsOf(one), one.host, one.shortId, ...one.paths], typed);
}
