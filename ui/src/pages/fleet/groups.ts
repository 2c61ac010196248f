// A large fleet in groups: by class, repo, what machines connect through, or the start of the name.
import { PLAN_STATES, rank } from '$/components/states';
import type { Machine } from '$/gen/holdfast/api/v1/fleet_pb';
import { counted } from './verdict';
import { isOutOfSight, worst, type Row } from './rows';
import { fleet } from './words';

export const GROUPINGS = ['class', 'repo', 'through', 'name'] as const;
export type Grouping = (typeof GROUPINGS)[number];

export interface GroupMachine {
  machine: Machine;
  rows: Row[];
}

export interface Group {
  name: string;
  machines: GroupMachine[];
  rows: Row[];
}

export function groupingOf(query: string): Grouping {
  return GROUPINGS.find((grouping) => grouping === query) ?? 'class';
}

/** Worst group first, and in it the worst machine. */
export function groups(all: Row[], by: Grouping): Group[] {
  const found = new Map<string, Map<string, GroupMachine>>();
  for (const row of all) {
    const name = groupName(row, by);
    const machines = found.get(name) ?? new Map<string, GroupMachine>();
    found.set(name, machines);
    const entry = machines.get(row.fleet.keyId);
    if (entry) entry.rows.push(row);
    else machines.set(row.fleet.keyId, { machine: row.machine, rows: [row] });
  }
  return [...found]
    .map(([name, machines]) => {
      const sorted = [...machines.values()].sort((a, b) => trouble(a.rows) - trouble(b.rows));
      return { name, machines: sorted, rows: sorted.flatMap(({ rows }) => rows) };
    })
    .sort((a, b) => trouble(a.rows) - trouble(b.rows) || a.name.localeCompare(b.name));
}

function trouble(of: Row[]): number {
  return rank(worst(of));
}

function groupName(row: Row, by: Grouping): string {
  const unknown = fleet.groups.unknown[by];
  switch (by) {
    case 'class':
      return row.machine.class || unknown;
    case 'repo':
      return row.plan.repo || unknown;
    case 'through':
      return row.machine.through || unknown;
    case 'name':
      // `web-17` and `web02` begin with web.
      return /^[a-z]+/i.exec(row.machineName)?.[0] ?? unknown;
  }
}

/** The order things had when they were first drawn: what is under the pointer stays there. */
export function kept<T>(now: T[], before: string[], key: (item: T) => string): T[] {
  const place = new Map(before.map((name, i) => [name, i]));
  const at = (item: T) => place.get(key(item)) ?? before.length;
  return [...now].sort((a, b) => at(a) - at(b));
}

/** Not all of its plans are fresh, or it is out of sight. */
export function isNotable({ machine, rows }: GroupMachine): boolean {
  return rank(worst(rows)) <= rank('warnings') || machine.state === 'refused';
}

/** What stands at the right of a group's head: the exceptions. */
export function exceptions(group: Group): { state: keyof typeof PLAN_STATES; word: string }[] {
  const bad = counted(group.rows)
    .filter(({ state }) => rank(state) <= rank('warnings'))
    .map(({ state, many }) => ({ state, word: fleet.chips[state](many) }));
  const unseen = group.machines.filter(({ machine }) => isOutOfSight(machine)).length;
  if (unseen > 0) bad.push({ state: 'unseen', word: fleet.groups.outOfSight(unseen) });
  return bad;
}
