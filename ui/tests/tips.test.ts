// What is told beside what is pointed at, focused or touched: the days of a strip, the moment of a time.
import { createRawSnippet } from 'svelte';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { named } from '$/components/cells';
import Locked from '$/components/Locked.svelte';
import Strip from '$/components/Strip.svelte';
import Time from '$/components/Time.svelte';
import { hush } from '$/components/tips';
import { dayBefore, NBSP } from '$/format';
import { drawn, lookingAs, textOf } from './mounted';

beforeEach(() => lookingAs('home'));
afterEach(() => {
  hush();
});

const told = () => textOf(document.querySelector('.tip'));
const point = (at: Element, type: string, pointerType = 'mouse', clientX = 0) =>
  at.dispatchEvent(new PointerEvent(type, { pointerType, clientX, bubbles: true }));
const name = (cell: number) => `day ${cell}`;

test('the summary of a strip names the days that are not good', () => {
  const cells = 'good missed missed good failed unseen idle good warnings'.split(' ');
  const page = drawn(Strip, { cells, name });
  expect(page.querySelector('[role=img]')?.getAttribute('aria-label')).toBe(
    'Last 9 days: 3 good, 1 with warnings (day 8), 1 failed (day 4), 2 missed (day 1 to day 2), 1 nothing due, 1 not seen',
  );
  expect(named(['missed', 'good', 'missed'], 'missed', name)).toEqual(['day 0', 'day 2']);
});

test.each(['mouse', 'touch'])('a %s is told which day it is at', (pointer) => {
  const page = drawn(Strip, { cells: ['good', 'missed', 'good', 'good'], name });
  const strip = page.querySelector('[role=img]')!;
  strip.getBoundingClientRect = () => new DOMRect(100, 50, 40, 16);
  expect(strip.getAttribute('tabindex')).toBeNull();
  point(strip, pointer === 'mouse' ? 'pointermove' : 'pointerdown', pointer, 115);
  expect(told()).toBe('day 1: should have run, did not');
  point(strip, 'pointerleave', pointer);
  // A finger is lifted and reads; another touch puts it away.
  expect(told()).toBe(pointer === 'mouse' ? '' : 'day 1: should have run, did not');
  point(document.body, 'pointerdown', pointer);
  expect(told()).toBe('');
});

test('a time that stands alone is a tab stop, and tells itself exactly', () => {
  const at = '2026-11-21T06:05:12Z';
  const [one, other] = [{ at, alone: true }, { at }].map((props) =>
    drawn(Time, props).querySelector('time')!,
  );
  expect([one?.tabIndex, other?.tabIndex]).toEqual([0, -1]);
  vi.spyOn(one!, 'matches').mockReturnValue(true);
  one!.dispatchEvent(new FocusEvent('focus'));
  expect(told()).toMatch(/^2026-11-21 \d\d:05:12 .+ \(UTC.*\)$/);
  one!.dispatchEvent(new FocusEvent('blur'));
  expect(told()).toBe('');
  other!.click();
  expect(told()).toMatch(/^2026-11-21/);
});

test('what is locked says why, and Escape puts that away and closes nothing else', () => {
  const children = createRawSnippet(() => ({ render: () => '<span>Prune</span>' }));
  const button = drawn(Locked, { why: 'needs the role operator', children }).querySelector(
    'button',
  )!;
  button.click();
  expect(told()).toBe('needs the role operator');
  const escape = new KeyboardEvent('keydown', { key: 'Escape', bubbles: true, cancelable: true });
  const outside = vi.fn();
  document.addEventListener('keydown', outside, { once: true });
  button.dispatchEvent(escape);
  expect([told(), escape.defaultPrevented]).toEqual(['', true]);
  expect(outside).not.toHaveBeenCalled();
});

test('of what was pressed with a mouse nothing stays, and Escape takes what is pointed at', () => {
  const children = createRawSnippet(() => ({ render: () => '<span>Prune</span>' }));
  const button = drawn(Locked, { why: 'needs the role operator', children }).querySelector(
    'button',
  )!;
  const focusVisible = vi.spyOn(button, 'matches').mockReturnValue(false);
  point(button, 'pointerenter');
  button.focus();
  button.click();
  expect(told()).toBe('needs the role operator');
  point(button, 'pointerleave');
  expect(told()).toBe('');
  focusVisible.mockReturnValue(true);
  point(button, 'pointerenter');
  point(button, 'pointerleave');
  expect(told()).toBe('needs the role operator');
  const escape = new KeyboardEvent('keydown', { key: 'Escape', bubbles: true });
  document.body.dispatchEvent(escape);
  expect(told()).toBe('');
});

test('days before today are those of the calendar', () => {
  const now = new Date(2026, 9, 26, 0, 30).getTime();
  expect([0, 1, 2].map((days) => dayBefore(days, now).replaceAll(NBSP, ' '))).toEqual([
    'Mon 26 Oct',
    'Sun 25 Oct',
    'Sat 24 Oct',
  ]);
});
