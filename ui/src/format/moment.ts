// When: `Today 01:03`, `Fri 20 Nov 01:07`, `14 Dec 2025`, in the browser's zone unless told.
import { LOCALE } from './locale';
import { NBSP } from './spaces';
import { age } from './age';

const SOON = 12 * 3600 * 1000;
const WEEK = 6 * 24 * 3600 * 1000;

const formats = new Map<string, Intl.DateTimeFormat>();

type Parts = Record<Intl.DateTimeFormatPartTypes, string>;

function parts(at: Date, zone?: string): Parts {
  let format = formats.get(zone ?? '');
  if (!format) {
    format = new Intl.DateTimeFormat(LOCALE, {
      timeZone: zone,
      weekday: 'short',
      year: 'numeric',
      month: 'short',
      day: 'numeric',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
      hourCycle: 'h23',
    });
    formats.set(zone ?? '', format);
  }
  return Object.fromEntries(
    format.formatToParts(at).map((part) => [part.type, part.value]),
  ) as Parts;
}

function dayOf(at: Parts): string {
  return `${at.year}-${at.month}-${at.day}`;
}

/** `01:03` */
export function timeOfDay(at: string | Date, zone?: string): string {
  const { hour, minute } = parts(new Date(at), zone);
  return `${hour}:${minute}`;
}

/** `Fri 20 Nov`, with the year where it is another one. */
export function day(at: string | Date, now: number, zone?: string): string {
  const then = parts(new Date(at), zone);
  if (then.year !== parts(new Date(now), zone).year)
    return `${then.day} ${then.month} ${then.year}`;
  return `${then.weekday} ${then.day} ${then.month}`;
}

/** `Today 01:03`, `Fri 20 Nov 01:07`, `14 Dec 2025`. */
export function moment(at: string | Date, now: number, zone?: string): string {
  const then = parts(new Date(at), zone);
  const today = parts(new Date(now), zone);
  if (dayOf(then) === dayOf(today)) return `Today${NBSP}${then.hour}:${then.minute}`;
  if (then.year !== today.year) return day(at, now, zone);
  return `${day(at, now, zone)}${NBSP}${then.hour}:${then.minute}`;
}

/** What is ahead: `in 23 min`, `Sun 03:15`, `Fri 4 Dec 01:00`; `now` for what is due. */
export function ahead(at: string | Date, now: number, zone?: string): string {
  const left = new Date(at).getTime() - now;
  if (left <= 0) return 'now';
  if (left < SOON) return `in ${age(left / 1000)}`;
  const then = parts(new Date(at), zone);
  if (left < WEEK) return `${then.weekday}${NBSP}${then.hour}:${then.minute}`;
  return moment(at, now, zone);
}

/** `2026-11-21 07:05:12 Europe/Berlin (UTC+1)`: what hover and focus give. */
export function exact(at: string | Date, zone?: string): string {
  const when = new Date(at);
  const name = zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
  const { hour, minute, second } = parts(when, zone);
  return `${isoDay(when, zone)} ${hour}:${minute}:${second} ${name} (${offset(when, name)})`;
}

/** `2026-11-21` */
export function isoDay(at: Date, zone?: string): string {
  return new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short' }).format(at);
}

function offset(at: Date, zone: string): string {
  const named = new Intl.DateTimeFormat('en', { timeZone: zone, timeZoneName: 'shortOffset' })
    .formatToParts(at)
    .find((part) => part.type === 'timeZoneName');
  return (named?.value ?? '').replace('GMT', 'UTC');
}
