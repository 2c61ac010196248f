// Whose an operation is, and where its machine, plan and repo have their pages.
import { machineParam, urls } from '$/app/urls';
import type { Operation } from '$/gen/holdfast/api/v1/api_pb';
import type { Machine, Overview } from '$/gen/holdfast/api/v1/fleet_pb';
import { UPKEEP } from './explain';

export interface Whose {
  /** As it is called here. */
  name: string;
  /** In addresses; undefined: it is not in the fleet any more. */
  param?: string;
  here: boolean;
  /** Its operations are started and cancelled from here. */
  mayRun: boolean;
  /** What runs there can be cancelled from here now: anything of this machine, runs of others. */
  cancels: 'all' | 'runs' | 'none';
}

export type Names = (operation: Operation) => Whose;

export function cancelsOf({ here, mayRun, state }: Machine): Whose['cancels'] {
  if (here) return 'all';
  return mayRun && state === 'connected' ? 'runs' : 'none';
}

/** Of another machine: what could have been started from here. */
const RUNS = ['backup', ...UPKEEP, 'unlock'];

export function mayCancel({ kind }: Operation, cancels: Whose['cancels']): boolean {
  return cancels === 'all' || (cancels === 'runs' && RUNS.includes(kind));
}

export function namesOf(overview: Overview | undefined): Names {
  const machines = overview?.machines ?? [];
  const by = new Map<string, Whose>(
    machines.map((each) => [
      each.keyId,
      {
        name: each.label ?? each.instance,
        param: machineParam(each, machines),
        here: each.here,
        mayRun: each.mayRun,
        cancels: cancelsOf(each),
      },
    ]),
  );
  return ({ origin, instance }) =>
    by.get(origin) ?? { name: instance, here: false, mayRun: false, cancels: 'none' };
}

/** `desktop / home`, or the machine and its repo. */
export function titleOf(operation: Operation, whose: Whose): string {
  return [whose.name, operation.plan ?? operation.repo].filter(Boolean).join(' / ');
}

export function planHref({ plan }: Operation, { param }: Whose): string | undefined {
  return plan && param ? urls.plan(param, plan) : undefined;
}

export function repoHref({ repo }: Operation, { param, here }: Whose): string | undefined {
  return repo && param && here ? urls.repo(param, repo) : undefined;
}
