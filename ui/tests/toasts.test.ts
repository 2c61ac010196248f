// Messages: what fails of what they offer is told, and stays to be tried again.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Failure } from '$/api';
import Toasts from '$/components/Toasts.svelte';
import { toasts } from '$/components/toasts.svelte';
import { clear, drawn, press, textOf } from './drawn';

beforeEach(() => void vi.useFakeTimers());
afterEach(async () => {
  for (const { id } of toasts.shown) toasts.dismiss(id);
  vi.useRealTimers();
  await clear();
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

test('a failure can be put away', async () => {
  const page = drawn(Toasts, {});
  toasts.show({ text: 'x', action: { word: 'Undo', run: () => Promise.reject(lost()) } });
  await soon();
  press(page, 'Undo');
  await soon();
  press(page, 'Dismiss');
  expect(page.querySelector('.toast')).toBeNull();
});
