// Every state with its word, shape and colour: the one place that pairs them.
import type { FleetPlan, Machine } from '$/gen/holdfast/api/v1/fleet_pb';
import type { Plan } from '$/gen/holdfast/api/v1/api_pb';
import { day, percent } from '$/format';
import type { IconName } from './icons';

export type Tone = 'ok' | 'warn' | 'bad' | 'run' | 'off';

/** How a state is drawn: a shape, a word and a tone, never the tone alone. */
export interface Look {
  icon: IconName;
  tone: Tone;
  word: string;
}

export type PlanState =
  | 'never'
  | 'stale'
  | 'failing'
  | 'late'
  | 'warnings'
  | 'running'
  | 'waiting'
  | 'paused'
  | 'not-yet'
  | 'unseen'
  | 'fresh';

/** Worst first. */
export const PLAN_STATES: Record<PlanState, Look> = {
  never: { icon: 'nobackup', tone: 'bad', word: 'Never' },
  stale: { icon: 'stale', tone: 'bad', word: 'Stale' },
  failing: { icon: 'fail', tone: 'bad', word: 'Failing' },
  late: { icon: 'late', tone: 'warn', word: 'Late' },
  warnings: { icon: 'warn', tone: 'warn', word: 'Warnings' },
  running: { icon: 'run', tone: 'run', word: 'Running' },
  waiting: { icon: 'wait', tone: 'off', word: 'Waiting' },
  paused: { icon: 'pause', tone: 'off', word: 'Paused' },
  'not-yet': { icon: 'notyet', tone: 'off', word: 'Not yet' },
  unseen: { icon: 'unseen', tone: 'off', word: 'Fresh, last seen' },
  fresh: { icon: 'ok', tone: 'ok', word: 'Fresh' },
};

const RANKS = new Map(Object.keys(PLAN_STATES).map((state, i) => [state, i]));

/** Smaller is worse. */
export function rank(state: PlanState): number {
  return RANKS.get(state) ?? -1;
}

/** These need somebody. */
export function needsYou(state: PlanState): boolean {
  return rank(state) <= rank('failing');
}

/** Time alone does not mend it: by its state, or because something disabled it. */
export function planNeedsYou(plan: Plan): boolean {
  return plan.needsSomeone || needsYou(planState(plan));
}

/** The plan's state; fresh and out of sight is one of its own. */
export function planState(plan: Plan): PlanState {
  const state = (plan.state in PLAN_STATES ? plan.state : 'unseen') as PlanState;
  return state === 'fresh' && plan.asOf ? 'unseen' : state;
}

/** The state in words, with what it is about: `Failing, 3 in a row`, `Running, 62 %`. */
export function planLook(plan: Plan, now: number, permille?: number): Look {
  const state = planState(plan);
  const look = PLAN_STATES[state];
  if (state === 'failing' && plan.failures > 1)
    return worded(look, `Failing, ${plan.failures} in a row`);
  // Before it knows what there is to read, it tells 0.
  if (state === 'running' && permille) return worded(look, `Running, ${percent(permille)}`);
  if (state === 'waiting' && plan.waitingFor) return worded(look, `Waiting: ${plan.waitingFor}`);
  return state === 'paused' ? pausedLook(plan, now) : look;
}

/** Also said beside a worse state. */
export function pausedLook({ pausedUntil }: Plan, now: number): Look {
  const look = PLAN_STATES.paused;
  return pausedUntil ? worded(look, `Paused until ${day(pausedUntil, now)}`) : look;
}

/** Somebody paused it, whatever its state: what is switched off is not resumed. */
export function isPaused({ enabled, paused, pausedUntil }: Plan, now: number): boolean {
  return enabled && paused && (!pausedUntil || Date.parse(pausedUntil) > now);
}

function worded(look: Look, word: string): Look {
  return { ...look, word };
}

const PEER_STATES: Record<string, Look> = {
  here: { icon: 'ok', tone: 'ok', word: 'This one' },
  connecting: { icon: 'wait', tone: 'off', word: 'Connecting' },
  connected: { icon: 'link', tone: 'ok', word: 'Connected' },
  offline: { icon: 'unseen', tone: 'off', word: 'Offline' },
  refused: { icon: 'refused', tone: 'bad', word: 'Refused' },
  incompatible: { icon: 'incompat', tone: 'warn', word: 'Incompatible' },
};

export function peerLook(state: string): Look {
  return PEER_STATES[state] ?? { icon: 'lost', tone: 'off', word: state };
}

const OPERATION_STATES: Record<string, Look> = {
  pending: { icon: 'wait', tone: 'off', word: 'Waiting' },
  running: { icon: 'run', tone: 'run', word: 'Running' },
  succeeded: { icon: 'ok', tone: 'ok', word: 'Done' },
  warning: { icon: 'warn', tone: 'warn', word: 'Warnings' },
  failed: { icon: 'fail', tone: 'bad', word: 'Failed' },
  cancelled: { icon: 'cancel', tone: 'off', word: 'Cancelled' },
  skipped: { icon: 'skip', tone: 'off', word: 'Skipped' },
  lost: { icon: 'lost', tone: 'warn', word: 'Lost' },
};

export function operationLook(status: string): Look {
  return OPERATION_STATES[status] ?? { icon: 'lost', tone: 'off', word: status };
}

const TOKEN_STATES: Record<string, Look> = {
  open: { icon: 'key', tone: 'run', word: 'Open' },
  'used-up': { icon: 'ok', tone: 'off', word: 'Used up' },
  expired: { icon: 'late', tone: 'off', word: 'Expired' },
  revoked: { icon: 'cancel', tone: 'off', word: 'Revoked' },
};

export function tokenLook(state: string): Look {
  return TOKEN_STATES[state] ?? { icon: 'lost', tone: 'off', word: state };
}

/** A machine in a list: its worst plan, or that it is out of sight. */
export function machineLook(machine: Machine, plans: FleetPlan[]): Look {
  const worst = plans.reduce<PlanState>((sofar, { plan }) => {
    const state = plan ? planState(plan) : 'fresh';
    return rank(state) < rank(sofar) ? state : sofar;
  }, 'fresh');
  if (needsYou(worst)) return PLAN_STATES[worst];
  if (machine.state === 'refused' || machine.state === 'incompatible')
    return peerLook(machine.state);
  if (machine.state === 'offline') return peerLook('offline');
  // No data is never green.
  if (plans.length === 0) return { icon: 'notyet', tone: 'off', word: 'No plan' };
  return PLAN_STATES[worst];
}
