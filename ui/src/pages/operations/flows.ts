// Operations of one trigger belong together: a backup, the forget and the index after it.
import { operationLook, type Look } from '$/components/states';
import { age, secondsBetween } from '$/format';
import type { Operation } from '$/gen/holdfast/api/v1/api_pb';

/** One run of something with all that followed it. */
export interface Flow {
  key: string;
  /** Oldest first. */
  steps: Operation[];
  /** What it was about: the backup, else the first step. */
  head: Operation;
  /** The step that decides how it ended. */
  worst: Operation;
  startedAt: string;
  /** Undefined: something of it goes on. */
  endedAt?: string;
  /** Undefined: nothing of it saves data. */
  added?: bigint;
}

/** Worst first. */
const SEVERITY = [
  'failed',
  'lost',
  'warning',
  'cancelled',
  'running',
  'pending',
  'skipped',
  'succeeded',
];

function severity({ status }: Operation): number {
  const at = SEVERITY.indexOf(status);
  return at < 0 ? 0 : at;
}

export function keyOf(operation: Operation): string {
  return `${operation.origin}/${operation.id}`;
}

/** In the order of the list: by the newest operation of each. */
export function flowsOf(newestFirst: Operation[], before: Flow[] = []): Flow[] {
  const by = new Map<string, Operation[]>();
  for (const operation of newestFirst) {
    const key = `${operation.origin}/${operation.flow || operation.id}`;
    const steps = by.get(key);
    if (steps) steps.unshift(operation);
    else by.set(key, [operation]);
  }
  return unchanged([...by], before);
}

/** Each by itself. */
export function singles(newestFirst: Operation[], before: Flow[] = []): Flow[] {
  return unchanged(
    newestFirst.map((operation) => [keyOf(operation), [operation]]),
    before,
  );
}

/** Those of the same operations are those from before, so that nothing of them is drawn again. */
function unchanged(all: [string, Operation[]][], before: Flow[]): Flow[] {
  const known = new Map(before.map((one) => [one.key, one]));
  return all.flatMap(([key, steps]) => {
    const old = known.get(key);
    const isSame = old?.steps.length === steps.length && steps.every((s, i) => s === old.steps[i]);
    return isSame ? old : (flow(key, steps) ?? []);
  });
}

function flow(key: string, steps: Operation[]): Flow | undefined {
  const [first] = steps;
  if (!first) return undefined;
  const worst = steps.reduce((sofar, step) => (severity(step) < severity(sofar) ? step : sofar));
  const saving = steps.filter((step) => step.kind === 'backup' && step.stats);
  return {
    key,
    steps,
    head: steps.find((step) => step.kind === 'backup') ?? first,
    worst,
    startedAt: first.startedAt,
    endedAt: end(steps),
    added: saving.length
      ? saving.reduce((sum, step) => sum + (step.stats?.bytesAdded ?? 0n), 0n)
      : undefined,
  };
}

/** The latest end; undefined while something of it goes on. */
function end(steps: Operation[]): string | undefined {
  const ends = steps.map(({ endedAt }) => endedAt);
  return ends.includes(undefined) ? undefined : ends.sort().at(-1);
}

export function lookOf({ worst }: Flow): Look {
  return operationLook(worst.status);
}

export function isGood({ status }: Operation): boolean {
  return status === 'succeeded' || status === 'warning';
}

export function isOver({ status }: Operation): boolean {
  return status !== 'pending' && status !== 'running';
}

/** How long it took or takes. */
export function took(of: { startedAt: string; endedAt?: string }, now: number): string {
  return age(secondsBetween(of.startedAt, of.endedAt ? Date.parse(of.endedAt) : now));
}
