// The sentence under a plan's name: how it stands, and until when that holds.
import { age, momentWithin, NBSP, span, withMoments } from '$/format';
import type { Row } from '../fleet/rows';
import { plan as words } from './words';

export function lede(row: Row, now: number): string {
  const said = [first(row, now), pausedBy(row, now), second(row, now)].filter(Boolean);
  return said.join(' ');
}

/** Why it is not fresh; nothing where the sentence under its name says it already. */
export function reasonOf({ plan, fleet, state }: Row, now: number): string | undefined {
  if (state === 'paused' && plan.enabled && !plan.disabledReason) return undefined;
  return fleet.reason && withMoments(fleet.reason, now);
}

/** By its owner, and not because of its repo. */
export function isSwitchedOff({ plan, fleet }: Row): boolean {
  return !plan.enabled && (!plan.disabledReason || fleet.fix === 'enable');
}

function first(row: Row, now: number): string {
  const { plan, state } = row;
  const says = words.lede;
  if (!plan.enabled) return isSwitchedOff(row) ? says.off : says.disabled;
  switch (state) {
    case 'never':
      return says.never;
    case 'stale':
      return says.stale(age(row.age ?? 0), span(row.allowed ?? 0));
    case 'failing':
      return says.failing(plan.failures);
    case 'late':
      return says.late;
    case 'warnings':
      return says.warnings;
    case 'running':
      return says.running;
    case 'waiting':
      return says.waiting(plan.waitingFor ?? '');
    case 'paused':
      return plan.pausedUntil ? says.pausedUntil(momentWithin(plan.pausedUntil, now)) : says.paused;
    case 'not-yet':
      return plan.nextRun ? says.notYet(momentWithin(plan.nextRun, now)) : says.notYetByHand;
    case 'fresh':
    case 'unseen':
      return row.age === undefined ? says.none : says.ago(age(row.age));
  }
}

/** Also of one that is stale by now. */
function pausedBy({ plan, paused }: Row, now: number): string {
  if (!paused || !plan.pausedSince) return '';
  const since = momentWithin(plan.pausedSince, now);
  return plan.pausedBy
    ? words.lede.pausedBy(plan.pausedBy, since)
    : words.lede.pausedOn(plan.instance, since);
}

function second(row: Row, now: number): string {
  const { plan, state, age: seconds } = row;
  const says = words.lede;
  if (state === 'never' || state === 'not-yet' || seconds === undefined) return '';
  const backed = says.ago(age(seconds));
  if (state === 'stale') return '';
  if (!plan.freshUntil) return state === 'fresh' ? says.noLimit : backed;
  const until = momentWithin(plan.freshUntil, now);
  if (state === 'fresh') return says.until(until);
  if (state === 'unseen') return says.seen(until);
  if (state === 'failing' || state === 'late') return `${backed} ${says.goesStale(until)}`;
  return `${backed} ${says.until(until)}`;
}

/** `daily=7,weekly=4` as `7 daily, 4 weekly`. */
export function retentionWords(retention: string | undefined): string {
  const facts = words.facts;
  if (retention === undefined) return facts.notTold;
  if (retention === '' || retention === 'none') return facts.repoKeeps;
  if (retention === 'keep-all') return facts.keepAll;
  return retention
    .split(',')
    .map((rule) => {
      const [name = '', amount = ''] = rule.split('=');
      return name.trim() === 'within' ? facts.within(amount) : `${amount}${NBSP}${name.trim()}`;
    })
    .join(', ');
}
