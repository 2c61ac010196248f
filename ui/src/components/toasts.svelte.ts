// Short messages about what was done. Errors are never only here: they stay where they happened.
import type { IconName } from './icons';
import type { Tone } from './states';

export interface Toast {
  text: string;
  icon?: IconName;
  tone?: Tone;
  /** Undo, Open, Revoke … */
  action?: { word: string; run: () => unknown };
}

interface Shown extends Toast {
  id: number;
}

const SHORT_MS = 6_000;
/** Undo needs time to be found. */
const WITH_ACTION_MS = 10_000;
const AT_MOST = 3;

let shown = $state.raw<Shown[]>([]);
let nextId = 1;
const timers = new Map<number, ReturnType<typeof setTimeout>>();

export const toasts = {
  get shown(): readonly Shown[] {
    return shown;
  },
  show(toast: Toast): void {
    const id = nextId;
    nextId += 1;
    shown = [...shown, { ...toast, id }].slice(-AT_MOST);
    start(id, toast.action ? WITH_ACTION_MS : SHORT_MS);
  },
  dismiss(id: number): void {
    clearTimeout(timers.get(id));
    timers.delete(id);
    shown = shown.filter((toast) => toast.id !== id);
  },
  /** Under the pointer or with focus, time stands still. */
  hold(id: number): void {
    clearTimeout(timers.get(id));
  },
  release(id: number): void {
    start(id, SHORT_MS);
  },
};

function start(id: number, ms: number): void {
  clearTimeout(timers.get(id));
  timers.set(
    id,
    setTimeout(() => toasts.dismiss(id), ms),
  );
}
