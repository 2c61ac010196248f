// Paths of a snapshot, names as they are shown, and the addresses of downloads.
export { shown } from '$/format';

/** `photos/2019` of the address bar is `/photos/2019` in the snapshot. */
export function absolute(path: string): string {
  return `/${path.split('/').filter(Boolean).join('/')}`;
}

export function nameOf(path: string): string {
  return path.split('/').filter(Boolean).pop() ?? '/';
}

export function parentOf(path: string): string {
  return absolute(path.slice(0, path.replace(/\/+$/, '').lastIndexOf('/')));
}

/** Each folder on the way, from the root on. */
export function steps(path: string): { name: string; path: string }[] {
  const parts = path.split('/').filter(Boolean);
  return parts.map((name, i) => ({ name, path: `/${parts.slice(0, i + 1).join('/')}` }));
}

/**
 * Whether some of a name could not be told: restic writes U+FFFD for bytes that are no UTF-8, and finds
 * nothing by that. Only the folder that it is in can be asked for.
 */
export function isUnsayable(path: string): boolean {
  return path.includes('\uFFFD');
}

/** What is typed into the search: restic's pattern, or a part of a name. */
export function pattern(typed: string): string {
  const text = typed.trim();
  return /[*?[]/.test(text) || text.startsWith('/') ? text : `*${text}*`;
}

/** A path as the pattern of itself alone. */
export function literal(path: string): string {
  return path.replace(/[*?[\\]/g, (char) => (char === '\\' ? '\\\\' : `[${char}]`));
}

/** A pattern for what is in one folder; from / on it says by itself where. */
export function inFolder(folder: string, wanted: string): string {
  return wanted.startsWith('/') ? wanted : `${literal(folder)}/**/${wanted}`;
}

export interface Wanted {
  repo: string;
  snapshot: string;
  path: string;
  /** Of a folder. */
  format?: 'zip' | 'tar';
}

export function downloadUrl(wanted: Wanted): string {
  const query = new URLSearchParams({
    repo: wanted.repo,
    snapshot: wanted.snapshot,
    path: wanted.path,
  });
  if (wanted.format) query.set('format', wanted.format);
  return `/download?${query.toString()}`;
}

export function previewUrl(wanted: Wanted): string {
  return `${downloadUrl(wanted)}&preview=1`;
}
