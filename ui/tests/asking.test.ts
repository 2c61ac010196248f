// What is asked before it is done, and how what runs is called.
import { create } from '@bufbuild/protobuf';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { api } from '$/api';
import { editing } from '$/api/editing';
import { home } from '$/fixtures/home';
import { OperationSchema, RepoSchema } from '$/gen/holdfast/api/v1/api_pb';
import ReposTable from '$/pages/machine/ReposTable.svelte';
import DetailActs from '$/pages/operations/DetailActs.svelte';
import { namesOf } from '$/pages/operations/names';
import RunningCard from '$/pages/operations/RunningCard.svelte';
import { drawn, lookingAs, press, settled, textOf } from './mounted';

beforeEach(() => lookingAs('home'));
afterEach(() => {
  vi.restoreAllMocks();
});

const nas = () => home().machines.find(({ here }) => here)!;
const operation = (fields: object) =>
  create(OperationSchema, {
    id: 'a',
    origin: nas().keyId,
    instance: 'nas',
    kind: 'backup',
    repo: 'vault',
    startedAt: new Date().toISOString(),
    ...fields,
  });

test('no lock is removed in a table of repos before somebody says so', async () => {
  const start = vi.spyOn(editing.upkeep, 'start');
  const repos = [create(RepoSchema, { id: 'vault', state: 'locked', lockedBy: 'pi' })];
  const page = drawn(ReposTable, { machine: nas(), name: 'nas', param: 'nas', repos });
  press(page, 'Unlock vault');
  expect(start).not.toHaveBeenCalled();
  press(page.querySelector('dialog')!, 'Unlock vault');
  await settled();
  expect(start).toHaveBeenCalledExactlyOnceWith({ repo: 'vault', kind: 'unlock' });
  expect(page.querySelector('dialog')).toBeNull();
});

test('nor beside an operation that failed by one', async () => {
  const start = vi.spyOn(editing.upkeep, 'start');
  const backup = vi.spyOn(api.plans, 'backup');
  const failed = operation({ plan: 'photos', status: 'failed', message: 'the repo is locked' });
  const whose = namesOf(home())(failed);
  const page = drawn(DetailActs, { operation: failed, whose, advice: '', onremoved: () => {} });
  press(page, 'Unlock and run again');
  expect(start).not.toHaveBeenCalled();
  press(page.querySelector('dialog')!, 'Unlock vault');
  await settled();
  expect(start).toHaveBeenCalledOnce();
  expect(backup).toHaveBeenCalledExactlyOnceWith({ plan: 'photos' });
});

test.each([
  [{ kind: 'backup', plan: 'photos' }, 'nas / photos to vault'],
  [{ kind: 'restore', plan: 'photos' }, 'nas / photos from vault'],
  [{ kind: 'forget', plan: 'photos' }, 'nas / photos in vault'],
  [{ kind: 'restore' }, 'nas / vault'],
  [{ kind: 'check' }, 'nas / vault'],
])('what runs is called by what it does: %o', (fields, said) => {
  const title = `nas / ${'plan' in fields ? fields.plan : 'vault'}`;
  const running = operation({ ...fields, status: 'running' });
  const page = drawn(RunningCard, { operation: running, title, cancels: 'all' as const });
  expect(textOf(page.querySelector('.what'))).toBe(said);
});
