// A moment ahead, as it is chosen by day and time in the browser's zone.
import { isoDay, moment } from '$/format';
import { words } from '$/messages';

/** As the daemon has it. */
export const MOST_SNOOZED_DAYS = 365;
const DAY_MS = 24 * 3600 * 1000;

export function inDays(now: number, days: number): string {
  return new Date(now + days * DAY_MS).toISOString();
}

/** Until when, as long as that is ahead: what is over is none, whenever it was told last. */
export function lasting(until: string | undefined, now: number): string | undefined {
  return until && Date.parse(until) > now ? until : undefined;
}

export interface Chosen {
  day: string;
  time: string;
}

/** Tomorrow at the beginning of the working day. */
export function first(now: number): Chosen {
  return { day: isoDay(new Date(now + DAY_MS)), time: '08:00' };
}

export function momentOf({ day, time }: Chosen): Date | undefined {
  const at = new Date(`${day}T${time}`);
  return Number.isNaN(at.getTime()) ? undefined : at;
}

/** Why it cannot be until then. */
export function problemOf(chosen: Chosen, now: number, mostDays?: number): string | undefined {
  const at = momentOf(chosen)?.getTime();
  if (at === undefined) return words.until.missing;
  if (at <= now) return words.until.over;
  const most = mostDays && now + mostDays * DAY_MS;
  return most && at > most ? words.until.tooFar(moment(new Date(most), now)) : undefined;
}
