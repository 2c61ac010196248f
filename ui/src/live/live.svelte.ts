// What happens, as it happens: the connection, what changed, and how far runs are.
import { SvelteMap } from 'svelte/reactivity';
import { api } from '$/api';
import type { Operation, Progress } from '$/gen/holdfast/api/v1/api_pb';
import type { Event, RunningProgress } from '$/gen/holdfast/api/v1/fleet_pb';
import { share, type Shared } from './shared';
import type { Link } from './watching';

/**
 * What can change; `all` is told where events were lost and everything must be asked again, `operations`
 * without an operation where it is not known which.
 */
export type Changed =
  'plans' | 'repos' | 'peers' | 'tokens' | 'config' | 'users' | 'attention' | 'operations' | 'all';

type Listener = (changed: Changed[], operation?: Operation) => void;

let link = $state<Link>({ state: 'connecting' });
const progress = new SvelteMap<string, Progress>();
const listeners = new Set<Listener>();
let stream: Shared | undefined;
let wasDown = false;

export const live = {
  get link(): Link {
    return link;
  },
  /** How far a running operation is, by its id. */
  progressOf(operation: string | undefined): Progress | undefined {
    return operation === undefined ? undefined : progress.get(operation);
  },
  /** Called on every change until the answered function is called. */
  onChange(listener: Listener): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
  start(): void {
    stream ??= share({
      open: (cursor, signal) => api.fleet.watch({ cursor }, { signal }),
      event: taken,
      link: setLink,
    });
  },
  /** After logging out: another user's events are not ours. */
  stop(): void {
    stream?.stop();
    stream = undefined;
    progress.clear();
    link = { state: 'connecting' };
  },
  retry(): void {
    stream?.retry();
  },
};

function setLink(next: Link): void {
  const was = link.state;
  if (was === 'up' && next.state === 'up') return;
  link = next;
  // What ended between the first questions of a page and the first event is in neither.
  if (was === 'connecting' && next.state === 'up') tell(['operations']);
  if (next.state === 'down') wasDown = true;
  // The cursor brings back what was missed; ages and "offline since" are asked for again all the same.
  if (next.state === 'up' && wasDown) {
    wasDown = false;
    tell(['all']);
  }
}

function taken(event: Event): void {
  if (event.lost) return tell(['all']);
  if (event.progress) return setProgress(event.progress);
  if (event.operation) {
    if (event.operation.endedAt) progress.delete(event.operation.id);
    tell(['operations'], event.operation);
  }
  if (event.changed.length > 0) tell(event.changed as Changed[]);
}

function setProgress(told: RunningProgress): void {
  if (told.progress) progress.set(told.operation, told.progress);
}

function tell(changed: Changed[], operation?: Operation): void {
  for (const listener of [...listeners]) listener(changed, operation);
}
