// Which route an address belongs to. `:name` takes one part of the path, `*name` the rest of it.

export interface Matched<T> {
  route: T;
  params: Record<string, string>;
}

/** The first route whose pattern fits. */
export function matched<T>(routes: Record<string, T>, path: string): Matched<T> | undefined {
  const parts = split(path);
  for (const [pattern, route] of Object.entries(routes)) {
    const params = fits(split(pattern), parts);
    if (params) return { route, params };
  }
  return undefined;
}

function split(path: string): string[] {
  return path.split('/').filter((part) => part !== '');
}

function fits(pattern: string[], parts: string[]): Record<string, string> | undefined {
  const params: Record<string, string> = {};
  for (const [i, want] of pattern.entries()) {
    if (want.startsWith('*')) {
      params[want.slice(1)] = parts.slice(i).map(decode).join('/');
      return params;
    }
    const part = parts[i];
    if (part === undefined) return undefined;
    if (want.startsWith(':')) params[want.slice(1)] = decode(part);
    else if (want !== part) return undefined;
  }
  return parts.length === pattern.length ? params : undefined;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
