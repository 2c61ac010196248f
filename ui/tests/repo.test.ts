// A repo's page: when it is kept in order, how large it is, what may be done with it.
import { create } from '@bufbuild/protobuf';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RepoSchema } from '$/gen/holdfast/api/v1/api_pb';
import { clock } from '$/live';
import { due } from '$/pages/repo/due';
import Upkeep from '$/pages/repo/Upkeep.svelte';
import { clear, drawn, lookingAs, settled, textOf } from './drawn';

beforeEach(() => lookingAs('home'));
afterEach(clear);

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
