// What is to be restored, and how: filled in by the panel or, on a phone, by its sheet.
import { SvelteMap } from 'svelte/reactivity';
import { exact } from '$/format';
import type { Row } from './listing.svelte';
import { inFolder, parentOf } from './paths';

export type Where = 'folder' | 'place' | 'browser';
/** `refuse`: a folder that is not empty is an error. */
export type Overwrite = 'refuse' | 'never' | 'if-newer' | 'if-changed' | 'always';

export interface Request {
  repo: string;
  snapshot: string;
  target: string;
  inPlace: boolean;
  paths: string[];
  include: string[];
  overwrite?: string;
  delete: boolean;
  verify: boolean;
}

/** The version of restic, where it only restores into a new or empty folder, and has no dry run. */
export function tooOld(restic: string | undefined): string | undefined {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(restic ?? '') ?? [];
  return major === '0' && Number(minor) < 17 ? restic : undefined;
}

export class Restoring {
  /** What is ticked, of any folder, by path. */
  chosen = new SvelteMap<string, Row>();
  where = $state<Where>('folder');
  target = $state('');
  /** Only what matches one of them, one a line. */
  patterns = $state('');
  targetOverwrite = $state<Overwrite>('refuse');
  placeOverwrite = $state<Overwrite>('if-changed');
  remove = $state(false);
  verify = $state(true);
  format = $state<'zip' | 'tar'>('zip');

  toggle(row: Row): void {
    if (this.chosen.has(row.path)) this.chosen.delete(row.path);
    else this.chosen.set(row.path, row);
  }

  get overwrite(): Overwrite {
    return this.where === 'place' ? this.placeOverwrite : this.targetOverwrite;
  }

  /** Whether something that is there could be lost: it is rehearsed and asked about first. */
  get mayLose(): boolean {
    if (this.where === 'browser' || this.overwrite === 'refuse') return false;
    return this.remove || this.overwrite !== 'never';
  }

  request(repo: string, snapshot: string, folder: string, fallback: string): Request {
    const inPlace = this.where === 'place';
    return {
      repo,
      snapshot,
      inPlace,
      target: inPlace ? '' : this.target.trim() || fallback,
      ...this.#named(folder),
      overwrite: this.overwrite === 'refuse' ? undefined : this.overwrite,
      delete: this.remove && this.overwrite !== 'refuse',
      verify: this.verify,
    };
  }

  get only(): string[] {
    return this.patterns
      .split('\n')
      .map((line) => line.trim())
      .filter(Boolean);
  }

  /** Beside paths a pattern is one more thing to restore: folders go into the patterns, and a file is
      named by itself. */
  #named(folder: string): Pick<Request, 'paths' | 'include'> {
    const [paths, only] = [this.paths(folder), this.only];
    if (only.length === 0) return { paths, include: [] };
    if (paths.length === 0) return { paths, include: only };
    const isFile = (path: string) => (this.chosen.get(path)?.type ?? 'dir') !== 'dir';
    const folders = paths.filter((path) => !isFile(path));
    const include = folders.flatMap((at) => only.map((wanted) => inFolder(at, wanted)));
    return { paths: paths.filter(isFile), include: [...new Set(include)] };
  }

  /** What is ticked; nothing ticked is the folder that is open, and at the top everything. */
  paths(folder: string): string[] {
    if (this.chosen.size > 0) return [...this.chosen.keys()];
    return folder === '/' ? [] : [folder];
  }
}

/** Bytes of what is ticked; undefined where a folder is among it, whose size is not known. */
export function sizeOf(rows: Iterable<Row>): number | undefined {
  let sum = 0;
  for (const row of rows) {
    if (row.type === 'dir') return undefined;
    sum += row.size ?? 0;
  }
  return sum;
}

/**
 * A new folder beside what was saved: its first path says on which disk there is room. The time makes
 * it another one for each restore.
 */
export function newFolder(paths: string[], shortId: string, now: number): string {
  const first = paths[0];
  const beside = first && first.startsWith('/') ? parentOf(first) : '/tmp';
  const base = beside === '/' ? '' : beside;
  const time = exact(new Date(now)).slice(0, 19).replaceAll(':', '').replace(' ', '-');
  return `${base}/restored-${shortId}-${time}`;
}
