// When: `Today 01:03`, `Fri 20 Nov 01:07`, `14 Dec 2025`, in the browser's zone unless told. Never
// broken over two lines.
import { LOCALE } from './locale';
import { NBSP } from './spaces';
import { away } from './age';

const SOON = 12 * 3600 * 1000;
const WEEK = 6 * 24 * 3600 * 1000;

interface Parts {
  year: string;
  month: string;
  day: string;
  weekday: string;
  hour: string;
  minute: string;
  second: string;
}

/** Making a format takes a hundred times as long as using it: one of each kind for each zone. */
function kept(locale: string, options: Intl.DateTimeFormatOptions) {
  const formats = new Map<string | undefined, Intl.DateTimeFormat>();
  return (zone?: string): Intl.DateTimeFormat => {
    let format = formats.get(zone);
    if (!format) {
      format = new Intl.DateTimeFormat(locale, { ...options, timeZone: zone });
      formats.set(zone, format);
    }
    return format;
  };
}

const whole = kept(LOCALE, {
  weekday: 'short',
  year: 'numeric',
  month: 'short',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
});
const iso = kept('sv-SE', { dateStyle: 'short' });
const offsets = kept('en', { timeZoneName: 'shortOffset' });

/** As the format of the locale names them; 2023 began on a Sunday. */
const names = (many: number, options: Intl.DateTimeFormatOptions, at: (n: number) => Date) =>
  Array.from({ length: many }, (_, n) => new Intl.DateTimeFormat(LOCALE, options).format(at(n)));
const MONTHS = names(12, { month: 'short' }, (n) => new Date(2023, n, 1, 12));
const WEEKDAYS = names(7, { weekday: 'short' }, (n) => new Date(2023, 0, n + 1, 12));

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}

function parts(at: Date, zone?: string): Parts {
  if (zone === undefined) return local(at);
  const named = whole(zone).formatToParts(at);
  return Object.fromEntries(named.map((part) => [part.type, part.value])) as unknown as Parts;
}

/** In the browser's zone, where a row of a long list may not wait for a format. */
function local(at: Date): Parts {
  return {
    year: String(at.getFullYear()),
    month: MONTHS[at.getMonth()] ?? '',
    day: String(at.getDate()),
    weekday: WEEKDAYS[at.getDay()] ?? '',
    hour: two(at.getHours()),
    minute: two(at.getMinutes()),
    second: two(at.getSeconds()),
  };
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
    return [then.day, then.month, then.year].join(NBSP);
  return [then.weekday, then.day, then.month].join(NBSP);
}

/** `Fri 20 Nov`: so many days before today, by the browser's calendar. */
export function dayBefore(days: number, now: number): string {
  const at = new Date(now);
  // Noon is on every day, also on one that is an hour shorter.
  at.setHours(12, 0, 0, 0);
  at.setDate(at.getDate() - days);
  return day(at, now);
}

/** `Today 01:03`, `Fri 20 Nov 01:07`, `14 Dec 2025`. */
export function moment(at: string | Date, now: number, zone?: string): string {
  const then = parts(new Date(at), zone);
  const today = parts(new Date(now), zone);
  if (dayOf(then) === dayOf(today)) return `Today${NBSP}${then.hour}:${then.minute}`;
  if (then.year !== today.year) return day(at, now, zone);
  return `${day(at, now, zone)}${NBSP}${then.hour}:${then.minute}`;
}

/** `today 01:03`, and all others alike: within a sentence. */
export function momentWithin(at: string | Date, now: number, zone?: string): string {
  return moment(at, now, zone).replace(/^Today/, 'today');
}

const STAMP = /\b\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)/g;

/** A sentence of the daemon with the times in it as they are written everywhere. */
export function withMoments(text: string, now: number): string {
  return text.replace(STAMP, (stamp) => momentWithin(stamp, now));
}

/** What is ahead: `in 23 min`, `Today 23:42`, `Sun 03:15`, `Fri 4 Dec 01:00`; `now` for what is due. */
export function ahead(at: string | Date, now: number, zone?: string): string {
  const left = new Date(at).getTime() - now;
  if (left <= 0) return 'now';
  if (left < SOON) return `in ${away(left / 1000)}`;
  const then = parts(new Date(at), zone);
  if (dayOf(then) === dayOf(parts(new Date(now), zone))) return moment(at, now, zone);
  if (left < WEEK) return `${then.weekday}${NBSP}${then.hour}:${then.minute}`;
  return moment(at, now, zone);
}

/** `today 23:42`, and all others alike: within a sentence. With a zone, by the clocks of both. */
export function aheadWithin(at: string, now: number, zone?: string): string {
  const said = zone ? aheadIn(zone, at, now) : ahead(at, now);
  return said.replace(/^Today/, 'today');
}

/** `Sun 01:00 Berlin, 19:00 here`: by the clocks of both, where they differ then. How long it is until
 *  then is the same for both. */
export function aheadIn(zone: string, at: string, now: number): string {
  return Date.parse(at) - now < SOON ? ahead(at, now) : both(ahead, zone, at, now);
}

/** `Sun 22 Nov 01:00 Berlin, 19:00 here` */
export function momentIn(zone: string, at: string, now: number): string {
  return both(moment, zone, at, now);
}

function both(said: typeof moment, zone: string, at: string, now: number): string {
  const [then, today] = [new Date(at), new Date(now)];
  const [there, here] = [parts(then, zone), parts(then)];
  const sameDays =
    dayOf(there) === dayOf(here) && dayOf(parts(today, zone)) === dayOf(parts(today));
  if (sameDays && there.hour === here.hour && there.minute === here.minute) return said(at, now);
  const own = sameDays ? timeOfDay(at) : said(at, now);
  return `${said(at, now, zone)} ${placeOf(zone)}, ${own} here`;
}

/** `Buenos Aires` of `America/Argentina/Buenos_Aires`. */
function placeOf(zone: string): string {
  return (zone.split('/').pop() ?? zone).replaceAll('_', ' ');
}

/** `2026-11-21 07:05:12 Europe/Berlin (UTC+1)`: what hover and focus give. */
export function exact(at: string | Date, zone?: string): string {
  const when = new Date(at);
  const { hour, minute, second } = parts(when, zone);
  const where = `${zone ?? ownZone()} (${offset(when, zone)})`;
  return `${isoDay(when, zone)} ${hour}:${minute}:${second} ${where}`;
}

let own: string | undefined;

/** `Europe/Berlin`: the browser's. */
export function ownZone(): string {
  own ??= whole().resolvedOptions().timeZone;
  return own;
}

/** `2026-11-21` */
export function isoDay(at: Date, zone?: string): string {
  if (zone !== undefined) return iso(zone).format(at);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

/** `UTC+1`, `UTC-3:30`, `UTC`. */
function offset(at: Date, zone?: string): string {
  if (zone !== undefined) {
    const named = offsets(zone).formatToParts(at);
    const word = named.find((part) => part.type === 'timeZoneName')?.value ?? '';
    return word.replace('GMT', 'UTC').replace(/\+0$/, '');
  }
  const minutes = -at.getTimezoneOffset();
  if (minutes === 0) return 'UTC';
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  return `UTC${minutes < 0 ? '-' : '+'}${hours}${rest > 0 ? `:${two(rest)}` : ''}`;
}
