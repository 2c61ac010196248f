// Keys of the whole UI: `g` then a letter goes somewhere, j and k walk the rows, Ctrl K finds.
import { preferences } from './theme.svelte';
import { router } from './router.svelte';
import { urls } from './urls';

const PLACES: Record<string, () => string> = {
  f: urls.fleet,
  o: () => urls.operations(),
  r: urls.restore,
  p: urls.peers,
  s: () => urls.settings(),
};
/** How long after `g` the second key still counts. */
const SECOND_KEY_MS = 1_200;

export interface KeyActions {
  palette(): void;
  shortcuts(): void;
}

/** Listens until the answered function is called. */
export function listenForKeys(actions: KeyActions): () => void {
  let goneAt = 0;
  const pressed = (key: KeyboardEvent) => {
    if ((key.ctrlKey || key.metaKey) && key.key.toLowerCase() === 'k') {
      key.preventDefault();
      return actions.palette();
    }
    if (!preferences.singleKeys || isTyping(key)) return;
    const place = PLACES[key.key];
    if (Date.now() - goneAt < SECOND_KEY_MS && place) {
      goneAt = 0;
      return router.go(place());
    }
    if (key.key === 'g') goneAt = Date.now();
    else single(key, actions);
  };
  document.addEventListener('keydown', pressed);
  return () => document.removeEventListener('keydown', pressed);
}

function single(key: KeyboardEvent, actions: KeyActions): void {
  if (key.key === '?') actions.shortcuts();
  else if (key.key === '/') focusFilter(key);
  else if (key.key === 'j') walk(1);
  else if (key.key === 'k') walk(-1);
}

/** Keys belong to what is being typed in, and to an open dialog. */
function isTyping(key: KeyboardEvent): boolean {
  if (key.ctrlKey || key.metaKey || key.altKey || key.defaultPrevented) return true;
  const target = key.target as HTMLElement;
  return target.closest?.('input, textarea, select, [contenteditable], dialog') != null;
}

function focusFilter(key: KeyboardEvent): void {
  const filter = document.querySelector<HTMLElement>('main [data-filter]');
  if (!filter) return;
  key.preventDefault();
  filter.focus();
}

/** Rows mark the link or button that opens them with `data-row`. */
function walk(step: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>('main [data-row]')].filter(
    (row) => row.offsetParent !== null,
  );
  const at = rows.indexOf(document.activeElement as HTMLElement);
  const next = at < 0 ? rows[step > 0 ? 0 : rows.length - 1] : rows[at + step];
  next?.focus();
  next?.scrollIntoView({ block: 'nearest' });
}
