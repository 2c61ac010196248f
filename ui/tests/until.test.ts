// A day and a time that are chosen: until when something is paused or snoozed.
import { expect, test } from 'vitest';
import { first, inDays, momentOf, MOST_SNOOZED_DAYS, problemOf } from '$/components/until';

const NOW = new Date(2026, 10, 21, 7, 42).getTime();

test('begins as tomorrow morning, in the zone of the browser', () => {
  expect(first(NOW)).toEqual({ day: '2026-11-22', time: '08:00' });
  expect(momentOf(first(NOW))).toEqual(new Date(2026, 10, 22, 8, 0));
  expect(inDays(NOW, 7)).toBe(new Date(NOW + 7 * 86_400_000).toISOString());
});

test('is ahead, and no further than the daemon takes', () => {
  const at = (day: string, time = '08:00') => problemOf({ day, time }, NOW, MOST_SNOOZED_DAYS);
  expect(at('2026-11-22')).toBeUndefined();
  expect(at('2026-11-21', '07:42')).toBe('That is over already.');
  expect(at('2026-11-21', '07:43')).toBeUndefined();
  expect(at('2028-01-01')).toMatch(/^At most until /);
  expect(problemOf({ day: '2028-01-01', time: '08:00' }, NOW)).toBeUndefined();
});

test('is asked for where one of the two is missing', () => {
  for (const chosen of [
    { day: '', time: '08:00' },
    { day: '2026-11-22', time: '' },
  ])
    expect(problemOf(chosen, NOW)).toBe('Choose a day and a time.');
});
