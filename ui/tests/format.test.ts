import { describe, expect, test } from 'vitest';
import {
  age,
  ahead,
  aheadIn,
  aheadWithin,
  between,
  bytes,
  count,
  exact,
  exactBytes,
  moment,
  momentIn,
  momentWithin,
  ownZone,
  percent,
  rate,
  sentence,
  timeOfDay,
} from '$/format';

const MINUTE = 60;
const HOUR = 3600;
const DAY = 24 * HOUR;
const BERLIN = 'Europe/Berlin';
const NOW = Date.parse('2026-11-21T06:42:00Z');
const plain = (text: string) => text.replaceAll('\u00a0', ' ');

describe('age', () => {
  test.each([
    [0, '0 s'],
    [40, '40 s'],
    [59, '59 s'],
    [MINUTE, '1 min'],
    [90, '1 min 30 s'],
    [97.9, '1 min 37 s'],
    [10 * MINUTE - 1, '9 min 59 s'],
    [10 * MINUTE + 39, '10 min'],
    [37 * MINUTE + 59, '37 min'],
    [4 * HOUR + 27 * MINUTE, '4 h 27 min'],
    [3 * HOUR, '3 h'],
    [19 * HOUR + 42 * MINUTE, '19 h'],
    [36 * HOUR, '36 h'],
    [2 * DAY, '2 d'],
    [187_300, '2 d 4 h'],
    [6 * DAY + 3 * HOUR + 59 * MINUTE, '6 d 3 h'],
    [12 * DAY + 20 * HOUR, '12 d'],
    [-5, '0 s'],
  ])('%i seconds', (seconds, text) => expect(plain(age(seconds))).toBe(text));

  test('takes 64 bits, and never breaks before a unit', () => {
    expect(age(90n)).toBe('1\u00a0min 30\u00a0s');
  });
});

describe('moment', () => {
  test('never breaks, and has no capital within a sentence', () => {
    expect(moment('2026-11-20T00:07:00Z', NOW, BERLIN)).not.toContain(' ');
    expect(moment('2025-12-14T10:00:00Z', NOW, BERLIN)).not.toContain(' ');
    expect(plain(momentWithin('2026-11-21T00:03:00Z', NOW, BERLIN))).toBe('today 01:03');
    expect(plain(momentWithin('2026-11-20T00:07:00Z', NOW, BERLIN))).toBe('Fri 20 Nov 01:07');
  });

  test.each([
    ['2026-11-21T00:03:00Z', 'Today 01:03'],
    ['2026-11-20T23:30:00Z', 'Today 00:30'],
    ['2026-11-20T00:07:00Z', 'Fri 20 Nov 01:07'],
    ['2025-12-14T10:00:00Z', '14 Dec 2025'],
  ])('%s', (at, text) => expect(plain(moment(at, NOW, BERLIN))).toBe(text));

  test('ahead', () => {
    expect(plain(ahead('2026-11-21T07:05:00Z', NOW, BERLIN))).toBe('in 23 min');
    expect(plain(ahead('2026-11-22T02:15:00Z', NOW, BERLIN))).toBe('Sun 03:15');
    expect(plain(ahead('2026-12-04T00:00:00Z', NOW, BERLIN))).toBe('Fri 4 Dec 01:00');
    expect(ahead('2026-11-21T06:41:00Z', NOW, BERLIN)).toBe('now');
    // A weekday alone would be the one in a week.
    expect(plain(ahead('2026-11-21T22:42:00Z', NOW, BERLIN))).toBe('Today 23:42');
    expect(plain(ahead('2026-11-21T23:42:00Z', NOW, BERLIN))).toBe('Sun 00:42');
  });

  test('ahead within a sentence', () => {
    const late = new Date(NOW);
    late.setHours(1, 0, 0, 0);
    const at = new Date(NOW);
    at.setHours(23, 42, 0, 0);
    expect(plain(aheadWithin(at.toISOString(), late.getTime()))).toBe('today 23:42');
    expect(plain(aheadWithin('2026-11-21T07:05:00Z', NOW))).toBe('in 23 min');
    const [zone, there] = ['Asia/Kathmandu', '2026-11-23T03:00:00Z'];
    expect(aheadWithin(there, NOW, zone)).toBe(aheadIn(zone, there, NOW));
  });

  test('by the clocks of both zones, where they differ', () => {
    const [zone, at] = ['Asia/Kathmandu', '2026-11-23T03:00:00Z'];
    const here = `(Sun |Mon )?${timeOfDay(at)} here`;
    expect(plain(aheadIn(zone, at, NOW))).toMatch(RegExp(`^Mon 08:45 Kathmandu, ${here}$`));
    expect(plain(momentIn(zone, at, NOW))).toMatch(/^Mon 23 Nov 08:45 Kathmandu, .* here$/);
    expect(plain(aheadIn(zone, '2026-11-21T07:05:00Z', NOW))).toBe('in 23 min');
    expect(aheadIn(ownZone(), at, NOW)).toBe(ahead(at, NOW));
    expect(momentIn(ownZone(), at, NOW)).toBe(moment(at, NOW));
  });

  test('another day there is told', () => {
    const at = '2026-11-23T12:00:00Z';
    const zones = ['Pacific/Kiritimati', 'Pacific/Pago_Pago'];
    const said = zones.map((zone) => plain(aheadIn(zone, at, NOW)));
    expect(said.map((text) => text.slice(0, 9))).toEqual(['Tue 02:00', 'Mon 01:00']);
    expect(said.some((text) => RegExp(`, (Mon|Tue) ${timeOfDay(at)} here$`).test(text))).toBe(true);
  });

  // As the command line does, or what was just set to an hour would be 59 minutes away.
  test.each([
    [60, 'in 1 min'],
    [90, 'in 1 min 30 s'],
    [900, 'in 15 min'],
    [7200, 'in 2 h'],
  ])('what was set %i seconds ahead a moment ago', (seconds, text) => {
    const at = new Date(NOW + seconds * 1000 - 400);
    expect(plain(ahead(at, NOW, BERLIN))).toBe(text);
  });

  // Without a zone another way is taken, which has to say the same in every month and on every day.
  test('of the browser, as of its zone by name', () => {
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    for (let n = 0; n < 400; n += 1) {
      const at = new Date(NOW - n * 27 * HOUR * 1000);
      expect(moment(at, NOW)).toBe(moment(at, NOW, zone));
      expect(exact(at)).toBe(exact(at, zone));
    }
  });

  test('exactly, with zone, also in summer', () => {
    expect(exact('2026-11-21T06:05:12Z', BERLIN)).toBe('2026-11-21 07:05:12 Europe/Berlin (UTC+1)');
    expect(exact('2026-07-01T06:05:12Z', BERLIN)).toBe('2026-07-01 08:05:12 Europe/Berlin (UTC+2)');
  });
});

describe('bytes', () => {
  test.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [41 * 2 ** 20, '41 MiB'],
    [212 * 2 ** 30, '212 GiB'],
    [1.31 * 2 ** 40, '1.31 TiB'],
    [999.6 * 2 ** 20, '0.98 GiB'],
  ])('%d', (amount, text) => expect(plain(bytes(amount))).toBe(text));

  test('a machine before its address keeps its case', () => {
    expect(sentence('nas at http://10.0.0.2:7717 does not know this token')).toBe(
      'nas at http://10.0.0.2:7717 does not know this token.',
    );
    expect(sentence('the token has ended')).toBe('The token has ended.');
  });

  test('exact, rates, counts, percent', () => {
    expect(plain(exactBytes(50603228160n))).toBe('50\u202f603\u202f228\u202f160 bytes');
    expect(plain(rate(228 * 2 ** 20))).toBe('228 MiB/s');
    expect(count(999)).toBe('999');
    expect(count(1000)).toBe('1\u202f000');
    expect(plain(percent(629))).toBe('62 %');
  });
});

test('days are meant whole, and what is no day yet is not asked for', () => {
  const at = (n: number) => new Date(2026, 9, n).toISOString();
  expect(between('2026-10-24', '2026-10-25')).toEqual({ since: at(24), until: at(26) });
  expect(between(undefined, '')).toEqual({ since: undefined, until: undefined });
  for (const typed of ['0002-11-01', '2026-13-01', 'yesterday'])
    expect(between(typed, typed)).toEqual({ since: undefined, until: undefined });
});
