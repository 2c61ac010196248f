// API keys: until when, and without a name.
import { create } from '@bufbuild/protobuf';
import { flushSync } from 'svelte';
import { expect, test, vi } from 'vitest';
import { isoDay } from '$/format';
import { KeySchema } from '$/gen/holdfast/api/v1/session_pb';
import { clock } from '$/live';
import { untilEndOf } from '$/pages/settings/key-end';
import KeyDialog from '$/pages/settings/KeyDialog.svelte';
import Keys from '$/pages/settings/Keys.svelte';
import { button, field, lastAsked, mounted, reads, type } from './mounted';

const NOON = new Date(2026, 10, 21, 12).getTime();

test.each([
  ['2026-11-21', 43_200n],
  ['2026-11-22', 129_600n],
  ['2026-11-20', undefined],
  ['', undefined],
  ['275760-01-01', undefined],
])('a key that is good until %j', (day, seconds) => expect(untilEndOf(day, NOON)).toBe(seconds));

test('any last day, and no label', async () => {
  const ondone = vi.fn();
  const page = await mounted('home', KeyDialog, { ondone, onclose: () => {} });
  button(page, 'On a day').click();
  flushSync();
  const act = button(page, 'Create key');
  expect(act.disabled, 'a day is yet to be chosen').toBe(true);
  type(field(page, 'Last day'), '2020-01-01');
  flushSync();
  await reads(page, 'Choose today or a later day.');
  type(field(page, 'Last day'), isoDay(new Date(clock.now + 3 * 86_400_000)));
  flushSync();
  act.click();
  await vi.waitFor(() => expect(ondone).toHaveBeenCalled());
  const asked = lastAsked('UserService.createKey') as { label: string; ttlS: bigint };
  expect(asked.label).toBe('');
  expect(Number(asked.ttlS)).toBeGreaterThan(3 * 86_400);
  await reads(page, 'Your key');
});

test('what is refused says why, and what was chosen stays', async () => {
  const page = await mounted('broken', KeyDialog, { ondone: () => {}, onclose: () => {} });
  type(field(page, 'Label'), 'grafana');
  button(page, 'Never').click();
  flushSync();
  button(page, 'Create key').click();
  await reads(page, 'does not answer');
  expect(field(page, 'Label').value).toBe('grafana');
  expect(button(page, 'Never').getAttribute('aria-pressed')).toBe('true');
});

test('a key without a label is told by its id', async () => {
  const keys = [create(KeySchema, { id: '77c2d0e1aabbccdd', role: 'viewer' })];
  const page = await mounted('home', Keys, { keys, onchange: () => {} });
  expect(button(page, 'Revoke 77c2d0e1')).toBeDefined();
});
