// The scopes of a grant as people choose them: all, only some, all but some.

export type ScopeMode = 'all' | 'only' | 'all-but';

export function modeOf(scopes: string[]): ScopeMode {
  if (scopes.some((scope) => scope.startsWith('!'))) return 'all-but';
  return scopes.includes('*') ? 'all' : 'only';
}

/** As a grant has them; an empty choice of "only" stays empty, and gives nothing. */
export function scopesOf(mode: ScopeMode, chosen: string[]): string[] {
  switch (mode) {
    case 'all':
      return ['*'];
    case 'only':
      return [...chosen];
    case 'all-but':
      return ['*', ...chosen.map((thing) => `!${thing}`)];
  }
}
