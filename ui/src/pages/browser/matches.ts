// Matches of a search, by name; versions of one file.
import type { Match } from '$/gen/holdfast/api/v1/api_pb';

export interface Name {
  path: string;
  /** In its newest snapshot. */
  newest: Match;
  snapshots: number;
}

/** Matches come newest snapshot first: the first one of a path is its newest. */
export function byName(matches: Match[]): Name[] {
  const names = new Map<string, Name>();
  for (const match of matches) {
    const known = names.get(match.path);
    if (!known) names.set(match.path, { path: match.path, newest: match, snapshots: 1 });
    else {
      known.snapshots += 1;
      if (match.time > known.newest.time) known.newest = match;
    }
  }
  return [...names.values()];
}

/** So long a name is told whole; of a longer one so much stands before the match. */
const WHOLE = 32;
const BEFORE = 12;

/** A name whose match would be cut off at its end begins shortly before that. */
export function around(name: string, typed: string): string {
  const at = name.toLowerCase().indexOf(typed.trim().toLowerCase());
  const isFar = name.length > WHOLE && at > BEFORE;
  return isFar ? `…${name.slice(at - BEFORE)}` : name;
}

export interface Version {
  /** The newest snapshot that has it so. */
  match: Match;
  snapshots: Match[];
}

/** Snapshots in a row that have it with the same size and time have the same version. */
export function versions(matches: Match[], path: string): Version[] {
  const found: Version[] = [];
  const own = matches.filter((match) => match.path === path);
  for (const match of own.sort((a, b) => b.time.localeCompare(a.time))) {
    const last = found[found.length - 1];
    const same = last && last.match.size === match.size && last.match.mtime === match.mtime;
    if (same) last.snapshots.push(match);
    else found.push({ match, snapshots: [match] });
  }
  return found;
}
