// What needs somebody: plans with the same trouble for the same reason are one thing to do.
import { rank, type PlanState } from '$/components/states';
import type { Attention } from '$/gen/holdfast/api/v1/api_pb';
import type { Machine, Overview } from '$/gen/holdfast/api/v1/fleet_pb';
import { isOutOfSight, type Row } from './rows';

/** Plans that share a state, and a reason or a machine. */
export interface Cause {
  key: string;
  state: PlanState;
  rows: Row[];
}

/** Worst state first, then as the overview has them. */
export function causes(of: Row[]): Cause[] {
  const found = new Map<string, Cause>();
  for (const row of of) {
    const key = [row.state, row.plan.repo, row.fleet.reason ?? row.id, row.fleet.fix ?? ''].join(
      '\n',
    );
    const cause = found.get(key);
    if (cause) cause.rows.push(row);
    else found.set(key, { key, state: row.state, rows: [row] });
  }
  return [...found.values()].sort((a, b) => rank(a.state) - rank(b.state));
}

/** What somebody should see and cannot do anything about yet. */
export interface Watched {
  late: Cause[];
  /** Out of sight, with plans that are still in time. */
  offline: { machine: Machine; rows: Row[] }[];
}

/** So many machines out of sight are told one by one. */
export const OFFLINE_ONE_BY_ONE = 3;

export function watched(all: Row[], overview: Overview): Watched {
  const late = causes(all.filter((row) => row.state === 'late' && !row.snoozed));
  const offline = overview.machines
    .filter((machine) => isOutOfSight(machine) && !machine.here)
    .map((machine) => ({
      machine,
      rows: all.filter((row) => row.machine === machine && row.state === 'unseen'),
    }))
    .filter(({ rows }) => rows.length > 0);
  return { late, offline };
}

/** Notices are above the page, plans have rows of their own. */
const ELSEWHERE = ['plan', 'config', 'store'];

/** Whatever beside plans needs somebody, wherever it is told. */
export function things(overview: Overview): Attention[] {
  return overview.attention.filter(({ kind }) => kind !== 'plan');
}

/** Repos, peers and runs that need somebody. */
export function others(overview: Overview): Attention[] {
  return overview.attention.filter(({ kind }) => !ELSEWHERE.includes(kind));
}
