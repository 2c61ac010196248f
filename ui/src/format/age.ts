// How long: two units, one from 10 up. Ages of backups, allowed ages, times to go.
import { NBSP } from './spaces';

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Hours are told up to two days: "28 h" says more than "1 d 4 h". */
const DAYS_FROM = 2 * DAY;

function unit(value: number, name: string): string {
  return `${value}${NBSP}${name}`;
}

/** The unit of a length of time, and the smaller one that goes with it: as on the command line. */
function units(seconds: number): [big: number, name: string, small: number, smallName: string] {
  if (seconds < MINUTE) return [1, 's', 1, 's'];
  if (seconds < HOUR) return [MINUTE, 'min', 1, 's'];
  if (seconds < DAYS_FROM) return [HOUR, 'h', MINUTE, 'min'];
  return [DAY, 'd', HOUR, 'h'];
}

/**
 * `45 s`, `1 min 30 s`, `37 min`, `4 h 27 min`, `23 h`, `6 d 3 h`; rounded down, so that nothing looks
 * older than it is.
 */
export function age(seconds: number | bigint): string {
  const whole = Math.max(0, Math.floor(Number(seconds)));
  const [big, name, small, smallName] = units(whole);
  const first = Math.floor(whole / big);
  const rest = Math.floor((whole % big) / small);
  const one = first >= 10 || rest === 0;
  return one ? unit(first, name) : `${unit(first, name)} ${unit(rest, smallName)}`;
}

/**
 * What is to come, to the nearest of the smallest unit told: what was set to 24 h a moment ago is 24 h
 * away, not 23 h.
 */
export function away(seconds: number): string {
  const [big, , small] = units(seconds);
  return age(seconds + (seconds < 10 * big ? small : big) / 2);
}

/** An age that somebody wrote down: the same, a full day stays `24 h` and a day and a half `36 h`. */
export function span(seconds: number | bigint): string {
  return age(seconds);
}

/** Seconds between two moments; negative where `to` comes first. */
export function secondsBetween(from: Date | string, to: Date | number): number {
  const start = typeof from === 'string' ? Date.parse(from) : from.getTime();
  return (Number(to) - start) / 1000;
}
