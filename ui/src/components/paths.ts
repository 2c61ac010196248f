// Which paths a backup takes, by the paths that are written down: a folder takes what is in it, but
// for what is left out of it by its whole path.
import type { FolderEntry } from '$/gen/holdfast/api/v1/draft_pb';

export type Taken = 'on' | 'off' | 'mix';

export interface Taking {
  paths: string[];
  /** Patterns; only those that are a whole path say something about one path. */
  exclude: string[];
}

export function joined(folder: string, name: string): string {
  return folder === '/' ? `/${name}` : `${folder}/${name}`;
}

/** Whether `path` is `folder` or in it. */
export function isIn(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === '/' ? '/' : `${folder}/`);
}

/** The one path that a pattern names; undefined where it names others too. `\` makes the character
 *  after it stand for itself. */
export function whole(pattern: string): string | undefined {
  if (!pattern.startsWith('/') || /[*?[]/.test(pattern.replace(/\\./g, ''))) return undefined;
  return plain(pattern.replace(/\\(.)/g, '$1'));
}

/** A whole path as it is compared: `/home/` is `/home`. */
export function plain(path: string): string {
  return path.replace(/\/+/g, '/').replace(/(.)\/$/, '$1');
}

/** A path that is left out by its name; characters that a pattern reads otherwise are escaped. */
export function pattern(path: string): string {
  return path.replace(/[*?[\]\\]/g, '\\$&');
}

export function taken(path: string, { paths, exclude }: Taking): Taken {
  const out = exclude.flatMap((each) => whole(each) ?? []);
  if (out.some((each) => isIn(path, each))) return 'off';
  const inside = (each: string) => each !== path && isIn(each, path);
  if (paths.some((each) => isIn(path, plain(each)))) return out.some(inside) ? 'mix' : 'on';
  return paths.some((each) => inside(plain(each))) ? 'mix' : 'off';
}

/** What is left out above it: it can only be taken again together with that. */
export function outWith(path: string, { exclude }: Taking): string | undefined {
  const outside = (one: string | undefined) => one !== undefined && one !== path && isIn(path, one);
  return exclude.find((each) => outside(whole(each)));
}

/** With `path` if it was not or only in part taken, else without. */
export function toggled(path: string, taking: Taking): Taking {
  const state = taken(path, taking);
  const paths = taking.paths.filter((each) => !isIn(plain(each), path));
  const exclude = taking.exclude.filter((each) => {
    const one = whole(each);
    return one === undefined || !isIn(one, path);
  });
  const isCovered = paths.some((each) => isIn(path, plain(each)));
  if (state !== 'on') return { paths: isCovered ? paths : [...paths, path].sort(), exclude };
  return { paths, exclude: isCovered ? [...exclude, pattern(path)] : exclude };
}

/** Folders that have to be open for every path to be seen. */
export function above(paths: string[]): string[] {
  const found = new Set<string>(['/']);
  for (const path of paths.map(plain)) {
    const parts = path.split('/').filter(Boolean).slice(0, -1);
    parts.forEach((_, i) => found.add(`/${parts.slice(0, i + 1).join('/')}`));
  }
  return [...found];
}

/**
 * Whether what was read says that a path is not there. What was not read, or not all of it, says
 * nothing; neither do hidden names where they are left out.
 */
export function isMissing(
  path: string,
  read: { get(path: string): Listed | undefined },
  hidden: boolean,
): boolean {
  let folder = '/';
  for (const name of plain(path).split('/').filter(Boolean)) {
    const listed = read.get(folder);
    if (!listed) return false;
    const isThere = listed.entries.some((entry) => entry.name === name);
    if (!isThere) return !listed.more && (hidden || !name.startsWith('.'));
    folder = joined(folder, name);
  }
  return false;
}

export interface TreeRow {
  path: string;
  entry: FolderEntry;
  level: number;
  position: number;
  of: number;
  open: boolean;
}

interface Listed {
  entries: FolderEntry[];
  more: boolean;
}

/** The rows of a tree from top to bottom; `more` marks a folder of which not all was read. */
export function treeRows(
  read: { get(path: string): Listed | undefined },
  open: { has(path: string): boolean },
  folder = '/',
  level = 1,
): (TreeRow | { more: string; level: number })[] {
  const listed = read.get(folder);
  const all = listed?.entries ?? [];
  const rows = all.flatMap((entry, i) => {
    const path = joined(folder, entry.name);
    const isOpen = entry.type === 'dir' && open.has(path);
    const row = { path, entry, level, position: i + 1, of: all.length, open: isOpen };
    return isOpen ? [row, ...treeRows(read, open, path, level + 1)] : [row];
  });
  return listed?.more ? [...rows, { more: folder, level }] : rows;
}
