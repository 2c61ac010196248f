// Which paths a backup takes, by the paths that are written down: a folder takes what is in it.

export type Taken = 'on' | 'off' | 'mix';

export function joined(folder: string, name: string): string {
  return folder === '/' ? `/${name}` : `${folder}/${name}`;
}

/** Whether `path` is `folder` or in it. */
export function isIn(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === '/' ? '/' : `${folder}/`);
}

export function taken(path: string, paths: string[]): Taken {
  if (paths.some((each) => isIn(path, each))) return 'on';
  return paths.some((each) => isIn(each, path)) ? 'mix' : 'off';
}

/** With `path` if it was not or only in part taken, else without. What lies in it is covered by it. */
export function toggled(path: string, paths: string[]): string[] {
  const others = paths.filter((each) => !isIn(each, path));
  return taken(path, paths) === 'on' ? others : [...others, path].sort();
}
