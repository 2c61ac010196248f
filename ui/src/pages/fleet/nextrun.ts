// What the column "Next run" says.
import { ahead, aheadWithin, NBSP } from '$/format';
import type { Row } from './rows';
import { fleet } from './words';

export function nextRun({ plan, state, paused }: Row, now: number): string {
  const words = fleet.table;
  if (!plan.enabled) return words.off;
  if (paused) return words.paused;
  if (plan.waitingFor) return words.waits(plan.waitingFor);
  if (state === 'running' && !plan.nextRun) return words.whenThisEnds;
  if (!plan.nextRun) return words.byHand;
  return ahead(plan.nextRun, now);
}

/** Which plan of all runs next, and when. */
export function soonest(all: Row[], now: number): Row | undefined {
  const ahead = all.filter(
    ({ plan }) => plan.enabled && plan.nextRun && Date.parse(plan.nextRun) > now,
  );
  return ahead.reduce<Row | undefined>((sofar, row) => {
    return sofar && (sofar.plan.nextRun ?? '') <= (row.plan.nextRun ?? '') ? sofar : row;
  }, undefined);
}

/** `in 18 min` within a sentence, else as it is. */
export function when(at: string, now: number): string {
  return aheadWithin(at, now).replaceAll(' ', NBSP);
}
