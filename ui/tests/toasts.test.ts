// Messages: what fails of what they offer is told, and stays to be tried again.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Failure } from '$/api';
import Toasts from '$/components/Toasts.svelte';
import { toasts } from '$/components/toasts.svelte';
import { drawn, press, textOf } from './mounted';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  for (const { id } of toasts.shown) toasts.dismiss(id);
  vi.useRealTimers();
});

const soon = () => vi.advanceTimersByTimeAsync(0);
const lost = () => new Failure('unreachable', '', 'The daemon did not answer.', 'Look at it.');

test('an Undo that works takes its message away', async () => {
  const page = drawn(Toasts, {});
  const run = vi.fn(async () => {});
  toasts.show({ text: 'photos is paused.', action: { word: 'Undo', run } });
  await soon();
  press(page, 'Undo');
  await soon();
  expect(run).toHaveBeenCalledOnce();
  expect(toasts.shown).toEqual([]);
});

test('one that fails stays, says why, and is tried again', async () => {
  const page = drawn(Toasts, {});
  const run = vi.fn().mockRejectedValueOnce(lost()).mockRejectedValueOnce(lost());
  toasts.show({ text: 'photos is paused.', action: { word: 'Undo', run } });
  await soon();
  press(page, 'Undo');
  await soon();
  const said = 'Undo did not work. The daemon did not answer. Look at it.';
  expect(textOf(page.querySelector('.toast p'))).toBe(said);
  await vi.advanceTimersByTimeAsync(60_000);
  for (let i = 0; i < 4; i += 1) toasts.show({ text: `another ${i}` });
  await soon();
  expect(page.querySelectorAll('.toast')).toHaveLength(3);
  press(page, 'Try again');
  await soon();
  expect(textOf(page.querySelector('.toast p'))).toBe(said);
  press(page, 'Try again');
  await soon();
  expect(run).toHaveBeenCalledTimes(3);
  expect(textOf(page)).not.toContain('did not work');
});

test('one whose Undo is under way, and the newest, stay beside those that failed', async () => {
  const page = drawn(Toasts, {});
  for (let i = 0; i < 2; i += 1)
    toasts.show({ text: 'x', action: { word: 'Undo', run: () => Promise.reject(lost()) } });
  await Promise.all(toasts.shown.map(({ id }) => toasts.act(id)));
  let reject = (_: Failure) => {};
  const promise = new Promise<void>((_, no) => (reject = no));
  toasts.show({ text: 'slow', action: { word: 'Undo', run: () => promise } });
  void toasts.act(toasts.shown.at(-1)?.id ?? 0);
  toasts.show({ text: 'newest' });
  await soon();
  expect(textOf(page)).toContain('slow');
  expect(textOf(page)).toContain('newest');
  reject(lost());
  await soon();
  expect(toasts.shown.filter(({ failed }) => failed)).toHaveLength(3);
});

test('a failure can be put away', async () => {
  const page = drawn(Toasts, {});
  toasts.show({ text: 'x', action: { word: 'Undo', run: () => Promise.reject(lost()) } });
  await soon();
  press(page, 'Undo');
  await soon();
  press(page, 'Dismiss');
  expect(page.querySelector('.toast')).toBeNull();
});
