// The address bar: a small router over the History API. Filters, tabs, open rows and dialogs are
// in the query, so that Back and reload work.
import { untrack } from 'svelte';
import { matched, type Matched } from './match';

export type { Matched } from './match';

interface Place {
  path: string;
  query: URLSearchParams;
}

function here(): Place {
  return { path: window.location.pathname, query: new URLSearchParams(window.location.search) };
}

let place = $state.raw<Place>(here());
let returned = false;

export interface Going {
  /** Instead of the current entry of the history: for filters that are being typed. */
  replace?: boolean;
  /** The page stays where it is scrolled to: for rows that open in place. */
  stay?: boolean;
}

export const router = {
  get path(): string {
    return place.path;
  },
  get query(): URLSearchParams {
    return place.query;
  },
  /** Whether Back or Forward led here: the browser scrolls to where the page was left. */
  get returned(): boolean {
    return returned;
  },
  /** A value of the query, or the given one where it is absent. */
  value(name: string, otherwise = ''): string {
    return place.query.get(name) ?? otherwise;
  },
  go(url: string, going: Going = {}): void {
    if (going.replace) history.replaceState(null, '', url);
    else history.pushState(null, '', url);
    // An effect that goes somewhere does not depend on where it is: it would run again and again.
    const before = untrack(() => place.path);
    const next = here();
    returned = false;
    place = next;
    if (next.path !== before && !going.stay) window.scrollTo(0, 0);
  },
  /** Sets values of the query, and removes those that are empty. */
  set(values: Record<string, string | undefined>, going: Going = {}): void {
    this.go(withQuery(place.path, place.query, values), going);
  },
  /** Follows Back, Forward and plain links; answers how to stop. */
  start(): () => void {
    const moved = () => {
      returned = true;
      place = here();
    };
    window.addEventListener('popstate', moved);
    document.addEventListener('click', followed);
    return () => {
      window.removeEventListener('popstate', moved);
      document.removeEventListener('click', followed);
    };
  },
  match<T>(routes: Record<string, T>): Matched<T> | undefined {
    return matched(routes, place.path);
  },
};

/** The address of the same page with other values in its query. */
export function withQuery(
  path: string,
  query: URLSearchParams,
  values: Record<string, string | undefined>,
): string {
  const next = new URLSearchParams(query);
  for (const [name, value] of Object.entries(values)) {
    if (value) next.set(name, value);
    else next.delete(name);
  }
  const text = next.toString();
  return text ? `${path}?${text}` : path;
}

/** A plain click on a link of ours is not a load of the page. Anything else is the browser's. */
function followed(click: MouseEvent): void {
  if (click.defaultPrevented || click.button !== 0) return;
  if (click.metaKey || click.ctrlKey || click.shiftKey || click.altKey) return;
  const link = (click.target as Element | null)?.closest?.('a');
  if (!link || link.target || link.hasAttribute('download') || link.origin !== location.origin)
    return;
  if (link.hash && link.pathname === location.pathname) return;
  click.preventDefault();
  router.go(link.pathname + link.search);
}
