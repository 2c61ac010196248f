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

function twoUnits(seconds: number, big: number, bigName: string, small: number, smallName: string) {
  const first = Math.floor(seconds / big);
  const rest = Math.floor((seconds - first * big) / small);
  const one = first >= 10 || rest === 0;
  return one ? unit(first, bigName) : `${unit(first, bigName)} ${unit(rest, smallName)}`;
}

/** `37 min`, `4 h 27 min`, `23 h`, `6 d 3 h`; rounded down, so that nothing looks older than it is. */
export function age(seconds: number | bigint): string {
  const whole = Math.max(0, Math.floor(Number(seconds)));
  if (whole < MINUTE) return unit(whole, 's');
  if (whole < HOUR) return unit(Math.floor(whole / MINUTE), 'min');
  if (whole < DAYS_FROM) return twoUnits(whole, HOUR, 'h', MINUTE, 'min');
  return twoUnits(whole, DAY, 'd', HOUR, 'h');
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
