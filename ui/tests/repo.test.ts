// A repo's page: when it is kept in order, how large it is, what may be done with it.
import { create } from '@bufbuild/protobuf';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { api } from '$/api';
import { OperationPageSchema, RepoSchema } from '$/gen/holdfast/api/v1/api_pb';
import { clock } from '$/live';
import Acts from '$/pages/repo/Acts.svelte';
import { due } from '$/pages/repo/due';
import { hindrance } from '$/pages/repo/standing';
import Size from '$/pages/repo/Size.svelte';
import Upkeep from '$/pages/repo/Upkeep.svelte';
import { drawn, lookingAs, settled, textOf } from './mounted';

beforeEach(() => lookingAs('home'));
afterEach(() => {
  vi.restoreAllMocks();
});

const HOUR = 3_600_000;
const upkeep = {
  checkSchedule: 'cron: 0 5 1 * *',
  pruneSchedule: 'manual',
  forgetSchedule: 'every 24h',
};

test('upkeep is due when the daemon says so, whatever a schedule would come to', async () => {
  const nextCheck = new Date(clock.now + 3 * HOUR).toISOString();
  const repo = create(RepoSchema, { id: 'vault', state: 'ready', upkeep, nextCheck });
  expect(due(repo)).toMatchObject({
    check: { next: nextCheck },
    prune: { next: undefined, schedule: undefined },
    forget: { next: undefined, schedule: 'every 24h' },
  });
  const page = drawn(Upkeep, { repo });
  await settled();
  const next = [...page.querySelectorAll('tbody tr')].map((row) =>
    textOf(row.lastElementChild).replaceAll('\u00a0', ' '),
  );
  expect(next[0]).toMatch(/^in (3 h|2 h 59 min)$/);
  expect(next[1]).toBe('by hand only');
  expect(next[2]).toBe('Every 24 hours');
});

test.each([
  ['ready', undefined, undefined],
  ['locked', undefined, undefined],
  ['uninitialised', undefined, 'it is not initialised yet'],
  ['ready', 'password', 'its password does not open it'],
  ['unreachable', undefined, 'its storage does not answer'],
] as const)('a repo that is %s, %s: what can be done in it', (state, problem, why) => {
  const repo = create(RepoSchema, { id: 'usb', state });
  expect(hindrance(repo, problem)).toBe(why);
  const page = drawn(Acts, { machine: 'nas', repo, problem });
  for (const name of ['Check now', 'Prune', 'Share']) {
    const button = [...page.querySelectorAll('button')].find((one) => textOf(one).startsWith(name));
    expect(button?.getAttribute('aria-disabled') ?? undefined).toBe(why && 'true');
    expect(textOf(button ?? null)).toContain(why ?? name);
  }
});

test('what is shared is taken back, also where it cannot be opened', () => {
  const repo = create(RepoSchema, { id: 'usb', state: 'unreachable', shared: true });
  const page = drawn(Acts, { machine: 'nas', repo, problem: undefined });
  const button = [...page.querySelectorAll('button')].find((one) => textOf(one) === 'Un-share usb');
  expect(button?.getAttribute('aria-disabled')).toBeNull();
});

test('sizes that are drawn were measured, whatever became of the operation', async () => {
  vi.spyOn(api.operations, 'page').mockResolvedValue(create(OperationPageSchema, {}));
  const repo = create(RepoSchema, { id: 'vault', state: 'ready' });
  const page = drawn(Size, { repo, groups: [] });
  await settled();
  expect(textOf(page)).toContain('Last measured today');
  expect(textOf(page)).not.toContain('Not measured yet');
});
