// Machines as the rail and the palette list them.
import {
  machineLook,
  needsYou,
  planState,
  PLAN_STATES,
  rank,
  type Look,
  type PlanState,
} from '$/components/states';
import type { FleetPlan, Machine, Overview } from '$/gen/holdfast/api/v1/fleet_pb';
import { age, secondsBetween } from '$/format';
import { words } from '$/messages';
import { machineParam, urls } from './urls';

/** From so many machines on the rail shows the worst only. */
export const SHORT_FROM = 12;

export interface RailRow {
  name: string;
  href: string;
  look: Look;
  /** The exception beside the name: `offline 2 d`. */
  note: string;
  here: boolean;
  /** Not all is well: it is shown where not all are. */
  worst: boolean;
}

/** Plans by the key id of their machine. */
export function plansByMachine(overview: Overview): Map<string, FleetPlan[]> {
  const by = new Map<string, FleetPlan[]>();
  for (const plan of overview.plans) {
    const list = by.get(plan.keyId);
    if (list) list.push(plan);
    else by.set(plan.keyId, [plan]);
  }
  return by;
}

/** In the order of the overview where all are shown; worst first where not. */
export function railRows(overview: Overview, now: number): RailRow[] {
  const plans = plansByMachine(overview);
  const long = overview.machines.length >= SHORT_FROM;
  const rows = overview.machines.map((machine) => {
    const own = plans.get(machine.keyId) ?? [];
    return { row: railRow(machine, own, overview.machines, now, long), rank: worstRank(own) };
  });
  if (long) rows.sort((a, b) => a.rank - b.rank);
  return rows.map(({ row }) => row);
}

function worstRank(plans: FleetPlan[]): number {
  return Math.min(
    rank('fresh'),
    ...plans.map(({ plan }) => (plan ? rank(planState(plan)) : rank('fresh'))),
  );
}

function railRow(
  machine: Machine,
  plans: FleetPlan[],
  all: Machine[],
  now: number,
  long: boolean,
): RailRow {
  const look = machineLook(machine, plans);
  return {
    name: machine.label ?? machine.instance,
    href: urls.machine(machineParam(machine, all)),
    look,
    note: note(machine, plans, look, now, long),
    here: machine.here,
    worst: worstRank(plans) <= rank('warnings') || machine.state === 'refused',
  };
}

function note(
  machine: Machine,
  plans: FleetPlan[],
  look: Look,
  now: number,
  long: boolean,
): string {
  if (machine.state === 'offline') {
    return machine.since ? words.nav.offline(shortAge(machine.since, now)) : words.nav.offlineNow;
  }
  if (long && look.tone === 'bad') return manyOf(plans);
  if (machine.here) return words.nav.thisOne;
  return look.tone === 'run' ? words.nav.running : '';
}

/** `2 never`: how many plans share the worst state. */
function manyOf(plans: FleetPlan[]): string {
  const states = plans.flatMap(({ plan }) => (plan ? [planState(plan)] : []));
  const worst = states.reduce<PlanState>(
    (sofar, state) => (rank(state) < rank(sofar) ? state : sofar),
    'fresh',
  );
  const many = states.filter((state) => state === worst).length;
  return needsYou(worst) ? `${many} ${PLAN_STATES[worst].word.toLowerCase()}` : '';
}

/** One unit is enough beside a name. */
function shortAge(since: string, now: number): string {
  return age(secondsBetween(since, now)).split(' ')[0] ?? '';
}
