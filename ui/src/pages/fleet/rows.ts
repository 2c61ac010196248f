// What Fleet knows of one plan, worked out once for all that draw it.
import { isSnoozed } from '$/app/counts';
import { machineParam, urls } from '$/app/urls';
import { isPaused, planNeedsYou, planState, rank, type PlanState } from '$/components/states';
import { dayBefore } from '$/format';
import type { Plan } from '$/gen/holdfast/api/v1/api_pb';
import type { FleetPlan, Machine, Overview } from '$/gen/holdfast/api/v1/fleet_pb';

export interface Row {
  /** Of the plan in the whole fleet. */
  id: string;
  fleet: FleetPlan;
  plan: Plan;
  machine: Machine;
  machineName: string;
  state: PlanState;
  /** Seconds since the newest good backup, as of now; undefined: there is none. */
  age: number | undefined;
  allowed: number | undefined;
  /** Its schedule does not run it, also where its state says worse. */
  paused: boolean;
  snoozed: boolean;
  /** Needs somebody, and is not snoozed. */
  needs: boolean;
  /** Its machine as in an address. */
  param: string;
  planHref: string;
  machineHref: string;
}

/** In the overview's order: by machine, then plan. */
export function rows(overview: Overview, now: number): Row[] {
  const machines = new Map(overview.machines.map((machine) => [machine.keyId, machine]));
  const passed = Math.max(0, (now - Date.parse(overview.at)) / 1000);
  return overview.plans.flatMap((fleet) => {
    const machine = machines.get(fleet.keyId);
    const { plan } = fleet;
    if (!plan || !machine) return [];
    const param = machineParam(machine, overview.machines);
    const state = planState(plan);
    const snoozed = isSnoozed(fleet, now);
    return [
      {
        id: `${fleet.keyId}/${plan.id}`,
        fleet,
        plan,
        machine,
        machineName: machine.label ?? machine.instance,
        state,
        age: plan.ageS === undefined ? undefined : Number(plan.ageS) + passed,
        allowed: plan.allowedAgeS === undefined ? undefined : Number(plan.allowedAgeS),
        paused: isPaused(plan, now),
        snoozed,
        needs: planNeedsYou(plan) && !snoozed,
        param,
        planHref: urls.plan(param, plan.id),
        machineHref: urls.machine(param),
      },
    ];
  });
}

/** The day of a cell of its strip: the last one is today. */
export function dayOf({ fleet }: Row, cell: number, now: number): string {
  return dayBefore(fleet.days.length - 1 - cell, now);
}

/** `laptop / home` */
export function fullName(row: Row): string {
  return `${row.machineName} / ${row.plan.id}`;
}

export function worst(of: Row[]): PlanState {
  return of.reduce<PlanState>(
    (sofar, { state }) => (rank(state) < rank(sofar) ? state : sofar),
    'fresh',
  );
}

/** The plan whose backup is nearest to, or furthest over, what is allowed. */
export function oldest(of: Row[]): Row | undefined {
  return of.reduce<Row | undefined>(
    (sofar, row) => (sofar && used(sofar) >= used(row) ? sofar : row),
    undefined,
  );
}

function used(row: Row): number {
  if (row.age === undefined) return row.state === 'never' ? Infinity : 0;
  return row.allowed ? row.age / row.allowed : 0;
}

export function isOutOfSight(machine: Machine): boolean {
  return machine.state === 'offline' || machine.state === 'connecting';
}

/** What is chosen in the address: states, text, and whether only gaps of 3-2-1 and of its proof are shown. */
export interface Filter {
  states: PlanState[];
  text: string;
  gaps: boolean;
}

export function filterOf(query: URLSearchParams): Filter {
  const states = (query.get('state') ?? '').split(',').filter(Boolean) as PlanState[];
  return { states, text: (query.get('q') ?? '').trim().toLowerCase(), gaps: query.has('gaps') };
}

export function isFiltering(filter: Filter): boolean {
  return filter.states.length > 0 || filter.text !== '' || filter.gaps;
}

export function filtered(all: Row[], filter: Filter): Row[] {
  return all.filter(
    (row) =>
      (filter.states.length === 0 || filter.states.includes(row.state)) &&
      (filter.text === '' || fullName(row).toLowerCase().includes(filter.text)) &&
      (!filter.gaps || hasGap(row.fleet)),
  );
}

/** As the coverage counts them: a plan that nothing was restored from is a gap as well. */
function hasGap({ copies }: FleetPlan): boolean {
  if (copies === undefined) return false;
  const { kinds, offSite, restoreProven } = copies;
  return copies.copies < 3 || kinds < 2 || offSite < 1 || !restoreProven;
}
