// Short messages about what was done. Errors are never only here: they stay where they happened. What
// a message itself offers, such as Undo, happens nowhere else: where that fails, the message stays and
// says so.
import { failure } from '$/api';
import { words } from '$/messages';
import type { IconName } from './icons';
import type { Tone } from './states';

export interface Toast {
  text: string;
  icon?: IconName;
  tone?: Tone;
  action?: Action;
}

/** Undo, Open, Revoke … */
interface Action {
  word: string;
  run: () => unknown;
}

interface Shown extends Toast {
  id: number;
  /** Its action is under way. */
  busy?: boolean;
  /** What failed, such as Undo: it stays until somebody puts it away. */
  failed?: string;
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
    shown = [...shown, { ...toast, id }];
    const passing = shown.find((each) => !each.failed && !each.busy && each.id !== id);
    if (shown.length > AT_MOST && passing) toasts.dismiss(passing.id);
    start(id, toast.action ? WITH_ACTION_MS : SHORT_MS);
  },
  dismiss(id: number): void {
    clearTimeout(timers.get(id));
    timers.delete(id);
    shown = shown.filter((toast) => toast.id !== id);
  },
  /** Does what it offers. A failure is told in its place, with another try. */
  async act(id: number): Promise<void> {
    const toast = shown.find((each) => each.id === id);
    if (!toast?.action || toast.busy) return;
    toasts.hold(id);
    put({ ...toast, busy: true });
    try {
      await toast.action.run();
      toasts.dismiss(id);
    } catch (thrown) {
      put(failing(toast, toast.action, thrown));
    }
  },
  /** Under the pointer or with focus, time stands still. */
  hold(id: number): void {
    clearTimeout(timers.get(id));
  },
  release(id: number): void {
    const toast = shown.find((each) => each.id === id);
    if (toast && !toast.busy && !toast.failed) start(id, SHORT_MS);
  },
};

function put(toast: Shown): void {
  shown = shown.map((each) => (each.id === toast.id ? toast : each));
}

function failing(toast: Shown, { word, run }: Action, thrown: unknown): Shown {
  const { message, remedy } = failure(thrown);
  const failed = toast.failed ?? word;
  return {
    id: toast.id,
    failed,
    text: words.toast.failed(failed, [message, remedy].filter(Boolean).join(' ')),
    icon: 'fail',
    tone: 'bad',
    action: { word: words.toast.again, run },
  };
}

function start(id: number, ms: number): void {
  clearTimeout(timers.get(id));
  timers.set(
    id,
    setTimeout(() => toasts.dismiss(id), ms),
  );
}
