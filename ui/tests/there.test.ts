// The repos of another machine: what is known of them here, and what is asked of it.
import { create } from '@bufbuild/protobuf';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { daemon, useTransport } from '$/api/transport';
import { toasts } from '$/components/toasts.svelte';
import { fixtureTransport } from '$/fixtures';
import { home, keyOf, NOW } from '$/fixtures/home';
import { OperationSchema, RepoSchema } from '$/gen/holdfast/api/v1/api_pb';
import { rows } from '$/pages/fleet/rows';
import { keep } from '$/pages/fleet/running';
import { reposThere, runsThere } from '$/pages/machine/there';

const op = (kind: string, repo: string, plan?: string, repoGuid?: string) =>
  create(OperationSchema, { id: `${kind}-${repo}`, kind, repo, plan, repoGuid });
const plans = rows(home(), NOW).filter(({ machine }) => machine.instance === 'web-2');

describe('repos there', () => {
  test('are those that its plans and operations name, each with its newest upkeep', () => {
    const all = reposThere(
      plans,
      [op('forget', 'vault', 'mail'), op('check', 'attic'), op('prune', 'attic')],
      [],
    );
    expect(all.map(({ id }) => id)).toEqual(['attic', 'vault']);
    expect(all.map(({ plans }) => plans)).toEqual([[], ['configs', 'mail']]);
    expect(all.map(({ last }) => last?.kind)).toEqual(['check', undefined]);
  });

  test('one of this machine is known by its guid, under its name here', () => {
    const ran = [op('backup', 'nas-vault', 'mail', 'g1'), op('check', 'other', undefined, 'g2')];
    const repos = [
      create(RepoSchema, { id: 'vault', guid: 'g1' }),
      create(RepoSchema, { id: 'other', guid: 'g2', origin: keyOf('web-2') }),
      create(RepoSchema, { id: 'third' }),
    ];
    const ours = reposThere([], ran, repos).map(({ id, ours }) => [id, ours]);
    expect(ours).toEqual([
      ['nas-vault', 'vault'],
      ['other', undefined],
    ]);
  });
});

test('the upkeep of a repo is for who may run everything, or that repo', () => {
  const run = (...scopes: string[]) => [{ permission: 'run-operations', scopes }];
  expect(runsThere(run('*'), 'vault')).toBe('all');
  expect(runsThere(run('plan:home', 'repo:vault'), 'vault')).toBe('all');
  expect(runsThere(run('plan:home'), 'vault')).toBe('some');
  expect(runsThere(run(), 'vault')).toBe('none');
  expect(runsThere(run('!plan:home'), 'vault')).toBe('none');
  expect(runsThere(run('*', '!repo:vault'), 'vault')).toBe('some');
  expect(runsThere(run('*', '!repo:vault'), 'attic')).toBe('perhaps');
  const untold = run('*').map((grant) => ({ ...grant, withExceptions: true }));
  expect(runsThere(untold, 'vault')).toBe('perhaps');
  expect(runsThere([{ permission: 'read-operations', scopes: ['*'] }], 'vault')).toBe('none');
});

describe('asked for', () => {
  beforeEach(() => useTransport(fixtureTransport('home')));
  afterEach(() => useTransport(daemon));
  const newest = () => toasts.shown.at(-1);

  test('it runs, and is opened from the toast', async () => {
    await keep({ keyId: keyOf('desktop'), name: 'desktop' }, { kind: 'check', repo: 'scratch' });
    expect(newest()?.text).toBe('check of desktop / scratch runs.');
    expect(newest()?.action?.word).toBe('Open operation');
  });

  test('of a machine that is away it waits, and is taken back from the toast', async () => {
    await keep({ keyId: keyOf('cabin'), name: 'cabin' }, { kind: 'forget', plan: 'cameras' });
    expect(newest()?.text).toBe('forget of cabin / cameras runs once cabin is back.');
    expect(newest()?.action?.word).toBe('Undo');
  });
});
