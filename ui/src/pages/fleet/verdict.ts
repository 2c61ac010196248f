// Is everything backed up, everywhere? The answer in a heading and a sentence.
import { PLAN_STATES, type PlanState } from '$/components/states';
import type { Overview } from '$/gen/holdfast/api/v1/fleet_pb';
import { causes, things } from './needs';
import { isOutOfSight, type Row } from './rows';
import { fleet } from './words';

/** From so many plans on they are drawn in groups. */
export const GROUPS_FROM = 41;

export interface Verdict {
  heading: string;
  lede: string;
}

export function verdict(all: Row[], overview: Overview): Verdict {
  const needing = all.filter((row) => row.needs);
  const lede = [about(needing, all), others(all), connected(overview)];
  return { heading: heading(all, needing.length, overview), lede: lede.filter(Boolean).join(' ') };
}

function heading(all: Row[], needing: number, overview: Overview): string {
  const words = fleet.verdict;
  if (needing > 0) return all.length === 1 ? words.oneNeeds : words.needYou(needing, all.length);
  const others = things(overview).length;
  const snoozed = all.filter((row) => row.snoozed && isRed(row)).length;
  if (snoozed > 0) return words.snoozed(snoozed, others);
  const saved = all.filter(hasBackup).length;
  if (saved === 0) return words.nothing;
  if (saved < all.length) return words.some(saved, all.length);
  if (others > 0) return words.goodBut(others);
  if (overview.machines.length < 2) return words.goodAlone;
  return isAllShown(all, overview) ? words.good : words.goodInSight;
}

/** A machine of which no plan is seen may have some that are not. */
function isAllShown(all: Row[], { machines }: Overview): boolean {
  const seen = new Set(all.map(({ machine }) => machine.keyId));
  return machines.every(({ here, keyId }) => here || seen.has(keyId));
}

function about(needing: Row[], all: Row[]): string {
  if (needing.length < 2 || all.length < GROUPS_FROM) return '';
  const machines = new Set(needing.map((row) => row.fleet.keyId)).size;
  return fleet.lede.causes(machines, causes(needing).length);
}

/** What is told of the plans that need nobody. */
function others(all: Row[]): string {
  const words = fleet.lede;
  const red = all.filter(isRed).length;
  const fine = all.filter((row) => !isRed(row) && hasBackup(row));
  const ahead = all.filter((row) => !isRed(row) && !hasBackup(row)).length;
  const parts: string[] = [];
  if (fine.length > 0) parts.push(opening(fine.length, red, ahead) + extras(fine));
  if (ahead > 0) parts.push(words.notYet(ahead));
  const snoozed = all.filter((row) => row.snoozed && isRed(row)).length;
  if (snoozed > 0 && snoozed < red) parts.push(words.snoozed(snoozed));
  return parts.length > 0 ? `${parts.join('; ')}.` : '';
}

function opening(fine: number, red: number, ahead: number): string {
  if (red > 0) return fleet.lede.others(fine);
  return ahead > 0 ? fleet.lede.inTime(fine) : fleet.lede.all(fine);
}

function extras(fine: Row[]): string {
  const warnings = fine.filter((row) => row.state === 'warnings').length;
  const unseen = fine.filter((row) => row.state === 'unseen').length;
  const parts = [];
  if (warnings > 0) parts.push(fleet.lede.warnings(warnings));
  if (unseen > 0) parts.push(fleet.lede.unseen(unseen));
  return parts.map((part) => `, ${part}`).join('');
}

function connected({ machines }: Overview): string {
  if (machines.length < 2) return '';
  const there = machines.filter(
    (machine) => !isOutOfSight(machine) && !isTurnedAway(machine.state),
  ).length;
  return there === machines.length
    ? fleet.lede.allConnected(machines.length)
    : fleet.lede.connected(there, machines.length);
}

function isTurnedAway(state: string): boolean {
  return state === 'refused' || state === 'incompatible';
}

/** Red, snoozed or not. */
function isRed({ plan, state }: Row): boolean {
  return PLAN_STATES[state].tone === 'bad' || plan.needsSomeone;
}

function hasBackup(row: Row): boolean {
  return row.plan.lastSuccess !== undefined || row.age !== undefined;
}

/** How many plans are in each state that there is, worst first. */
export function counted(all: Row[]): { state: PlanState; many: number }[] {
  const states = Object.keys(PLAN_STATES) as PlanState[];
  return states
    .map((state) => ({ state, many: all.filter((row) => row.state === state).length }))
    .filter(({ many }) => many > 0);
}
