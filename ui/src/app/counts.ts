// The numbers beside the main places.
import { planNeedsYou } from '$/components/states';
import type { Overview } from '$/gen/holdfast/api/v1/fleet_pb';

export interface Counts {
  /** Plans that need somebody and are not snoozed. */
  needYou: number;
  running: number;
  /** Peers that were refused or are incompatible. */
  refused: number;
}

export function counts(of: Overview | undefined, now: number): Counts {
  if (!of) return { needYou: 0, running: 0, refused: 0 };
  return {
    needYou: of.plans.filter(
      (each) => each.plan && planNeedsYou(each.plan) && !isSnoozed(each, now),
    ).length,
    running: of.running,
    refused: of.machines.filter(({ state }) => state === 'refused' || state === 'incompatible')
      .length,
  };
}

export function isSnoozed(plan: { snoozedUntil?: string }, now: number): boolean {
  return plan.snoozedUntil !== undefined && Date.parse(plan.snoozedUntil) > now;
}
