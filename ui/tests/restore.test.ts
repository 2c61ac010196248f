import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { Failure, partly } from '$/api';
import { MatchSchema, RepoSchema, SnapshotSchema } from '$/gen/holdfast/api/v1/api_pb';
import { FleetPlanSchema } from '$/gen/holdfast/api/v1/fleet_pb';
import { findRequest, isNarrowed, searchOf } from '$/pages/browser/find';
import { modeText } from '$/pages/browser/mode';
import { compared, grouped, groupOf, named } from '$/pages/browser/groups';
import { around, byName, versions } from '$/pages/browser/matches';
import {
  absolute,
  downloadUrl,
  isUnsayable,
  literal,
  parentOf,
  pattern,
  shown,
} from '$/pages/browser/paths';
import { newFolder, Restoring, sizeOf, tooOld } from '$/pages/browser/restoring.svelte';
import { problemOf } from '$/pages/repo/standing';
import { has, tagsOf } from '$/pages/browser/tags';
import * as choices from '$/pages/restore/choices';
import { changed, editRequest, fieldsOf, merged } from '$/pages/repo-editor/form';

describe('paths of a snapshot', () => {
  it('writes out what could pose as another name', () => {
    expect(shown('invoice\u202efdp.exe')).toBe('invoice\\u{202e}fdp.exe');
    expect(shown('a\nb\t\u0000')).toBe('a\\nb\\t\\u{0}');
    expect(shown('<b>größe</b>')).toBe('<b>größe</b>');
  });
  it('takes a part of a name, and leaves patterns as they are', () => {
    expect(pattern(' tax ')).toBe('*tax*');
    expect(pattern('*.odt')).toBe('*.odt');
    expect(pattern('/home/ada')).toBe('/home/ada');
  });
  it('makes a path its own pattern', () => {
    expect(literal('/a/[1]*?\\')).toBe('/a/[[]1][*][?]\\\\');
  });
  it('knows names that restic could not say', () => {
    expect(isUnsayable('/a/caf\uFFFD.txt')).toBe(true);
    expect(isUnsayable('/a/café.txt')).toBe(false);
  });
  it('writes modes as ls does', () => {
    expect(modeText('-rw-r--r--')).toBe('rw-r--r--');
    expect(modeText('drwxr-xr-x')).toBe('rwxr-xr-x');
    expect(modeText('ugrwxr--r-x')).toBe('rwsr-Sr-x');
    expect(modeText('dtrwxrwxrwx')).toBe('rwxrwxrwt');
  });
  it('knows the folder above', () => {
    expect(parentOf('/a/b')).toBe('/a');
    expect(parentOf('/a')).toBe('/');
    expect(absolute('a//b/')).toBe('/a/b');
  });
  it('escapes what a download is asked for', () => {
    const url = downloadUrl({ repo: 'v', snapshot: 's', path: '/a&format=zip/ü', format: 'tar' });
    expect(new URLSearchParams(url.split('?')[1]).get('path')).toBe('/a&format=zip/ü');
    expect(new URLSearchParams(url.split('?')[1]).get('format')).toBe('tar');
  });
});

const snapshot = (id: string, plan: string | undefined, time: string) =>
  create(SnapshotSchema, { id, shortId: id, plan, instance: plan && 'nas', host: 'nas', time });

describe('snapshots of a repo', () => {
  const all = [
    snapshot('aaaa', 'photos', '2026-11-20T00:00:00Z'),
    snapshot('bbbb', undefined, '2026-11-21T00:00:00Z'),
    snapshot('cccc', 'photos', '2026-11-21T00:00:00Z'),
  ];
  const groups = grouped(all);
  it('are by plan, newest first, without tags last', () => {
    expect(groups.map(({ plan }) => plan)).toEqual(['photos', undefined]);
    expect(groups[0]?.snapshots.map(({ id }) => id)).toEqual(['cccc', 'aaaa']);
  });
  it('are compared with the one before, or with any other of the repo', () => {
    const [newer, older] = groups[0]!.snapshots;
    expect(compared(groups, newer!, 'older')?.id).toBe('aaaa');
    expect(compared(groups, older!, 'older')?.id).toBe('cccc');
    const elsewhere = compared(groups, newer!, 'bbbb');
    expect(elsewhere?.id).toBe('bbbb');
    expect(groupOf(groups, elsewhere)?.plan).toBeUndefined();
    expect(compared(groups, elsewhere!, 'older')).toBeUndefined();
    expect(compared(groups, newer!, 'gone')).toBeUndefined();
  });
  it('are named by the beginning of an id, or as the latest of a plan', () => {
    expect(named(groups, 'bb', { plan: '', instance: '' })?.id).toBe('bbbb');
    expect(named(groups, 'latest', { plan: 'photos', instance: 'nas' })?.id).toBe('cccc');
    expect(named(groups, 'latest', { plan: 'photos', instance: 'pi' })).toBeUndefined();
  });
});

describe('tags, hosts and paths', () => {
  const one = create(SnapshotSchema, {
    id: 'aaaa',
    shortId: 'aaaa',
    plan: 'home',
    instance: 'nas',
    host: 'Box',
    tags: ['plan:home', 'created-by:nas', 'weekly'],
    paths: ['/srv/data'],
  });
  it('leave out what says whose it is', () => {
    expect(tagsOf(one)).toEqual(['weekly']);
    expect(has(one, 'created-by')).toBe(false);
  });
  it('are found by every word that is typed', () => {
    for (const typed of ['', 'WEEK', 'box weekly', '/srv aaaa']) expect(has(one, typed)).toBe(true);
    expect(has(one, 'weekly other')).toBe(false);
    expect(choices.fits(one, 'home weekly')).toBe(true);
  });
  it('are conditions of the address', () => {
    const wanted = (query: string) => choices.wantedOf(new URLSearchParams(query));
    expect(wanted('tag=weekly,%20kept,&host=+box&path=/a,b')).toEqual({
      tags: ['weekly', 'kept'],
      host: 'box',
      paths: ['/a,b'],
    });
    expect(choices.isNarrowed(wanted('tag=,&host=%20&q=a'))).toBe(false);
    expect(choices.isNarrowed(wanted('path=/a'))).toBe(true);
    // As the palette leads here.
    expect(wanted('snapshot=4F5C')).toEqual({ tags: [], paths: [], id: '4f5c' });
    expect(choices.isNarrowed(wanted('snapshot=4f5c'))).toBe(true);
  });
});

describe('a search', () => {
  const [photos, untagged] = grouped([
    snapshot('aaaa', 'photos', '2026-11-20T00:00:00Z'),
    snapshot('bbbb', undefined, '2026-11-21T00:00:00Z'),
  ]);
  const asked = (query: string, group = photos!) =>
    findRequest('v', group, searchOf(new URLSearchParams(query), group));

  it('is of all snapshots of the plan, whatever the letters', () => {
    expect(asked('find=tax')).toEqual({
      pattern: '*tax*',
      ignoreCase: true,
      among: { repo: 'v', plan: 'photos', instance: 'nas' },
    });
    expect(asked('find=tax&in=repo').among).toEqual({ repo: 'v' });
    expect(asked('find=tax', untagged).among).toEqual({ repo: 'v' });
  });

  it('is narrowed by what the address says', () => {
    const query = 'find=Tax&letters=1&newest=1&from=2026-11-01&until=2026-11-02';
    const { ignoreCase, among } = asked(query);
    expect(ignoreCase).toBe(false);
    const day = (n: number) => new Date(2026, 10, n).toISOString();
    expect(among).toMatchObject({ latest: 1, since: day(1), until: day(3) });
    expect(isNarrowed(searchOf(new URLSearchParams(query), photos!))).toBe(true);
    expect(isNarrowed(searchOf(new URLSearchParams('find=a&in=repo'), photos!))).toBe(false);
  });
});

describe('matches', () => {
  const match = (snapshotId: string, time: string, size: bigint) =>
    create(MatchSchema, { snapshot: snapshotId, path: '/a', time, size, mtime: `m${size}` });
  const all = [
    match('3', '2026-11-03', 7n),
    match('2', '2026-11-02', 7n),
    match('1', '2026-11-01', 5n),
  ];
  it('are one name with its newest snapshot', () => {
    expect(byName(all)).toMatchObject([{ path: '/a', snapshots: 3, newest: { snapshot: '3' } }]);
  });
  it('show their match, however long the name is', () => {
    const name = 'DSC_4471, from the camera import of summer 2019.NEF';
    expect(around(name, 'dsc')).toBe(name);
    expect(around(name, ' Summer ')).toBe('…a import of summer 2019.NEF');
    expect(around('letter.txt', 'txt')).toBe('letter.txt');
    expect(around(name, '*.NEF')).toBe(name);
  });
  it('are versions where size or time differ', () => {
    expect(versions(all, '/a').map(({ snapshots }) => snapshots.length)).toEqual([2, 1]);
    expect(versions(all, '/b')).toEqual([]);
  });
});

describe('a restore', () => {
  it('is into a new folder that loses nothing, unless it is said', () => {
    const restoring = new Restoring();
    const asked = restoring.request('vault', 's', '/tank', '/tank/restored-s');
    expect(asked).toMatchObject({ target: '/tank/restored-s', inPlace: false, paths: ['/tank'] });
    expect(asked.overwrite).toBeUndefined();
    expect(restoring.mayLose).toBe(false);
    restoring.remove = true;
    expect(restoring.request('vault', 's', '/', '/x')).toMatchObject({ delete: false, paths: [] });
  });
  it('is asked about where something could be lost', () => {
    const restoring = new Restoring();
    restoring.where = 'place';
    expect(restoring.mayLose).toBe(true);
    expect(restoring.request('v', 's', '/a', '/x')).toMatchObject({
      inPlace: true,
      target: '',
      overwrite: 'if-changed',
    });
    restoring.placeOverwrite = 'never';
    expect(restoring.mayLose).toBe(false);
  });
  it('is only of what matches, in the folder that is open or ticked, and of ticked files', () => {
    const restoring = new Restoring();
    restoring.patterns = ' *.odt \n\n/etc/*.conf\n';
    const named = (folder: string) => {
      const { paths, include } = restoring.request('v', 's', folder, '/x');
      return { paths, include };
    };
    expect(named('/')).toEqual({ paths: [], include: ['*.odt', '/etc/*.conf'] });
    const include = ['/home/[*]ada/**/*.odt', '/etc/*.conf'];
    expect(named('/home/*ada')).toEqual({ paths: [], include });
    for (const [path, type] of [
      ['/a/b', 'dir'],
      ['/c', 'dir'],
      ['/a/file.txt', 'file'],
    ] as const)
      restoring.toggle({ path, type, size: 1, mtime: undefined });
    expect(named('/a')).toEqual({
      paths: ['/a/file.txt'],
      include: ['/a/b/**/*.odt', '/etc/*.conf', '/c/**/*.odt'],
    });
    restoring.patterns = '';
    expect(named('/a')).toEqual({ paths: ['/a/b', '/c', '/a/file.txt'], include: [] });
  });
  it('knows its size only where no folder is in it', () => {
    const row = (type: string, size?: number) => ({ path: '/a', type, size, mtime: undefined });
    expect(sizeOf([row('file', 2), row('file', 3)])).toBe(5);
    expect(sizeOf([row('file', 2), row('dir')])).toBeUndefined();
    const at = new Date(2026, 10, 21, 7, 42, 5).getTime();
    expect(newFolder(['/tank/photos'], 'ab', at)).toBe('/tank/restored-ab-2026-11-21-074205');
    expect(newFolder(['/etc'], 'ab', at + 1000)).toBe('/restored-ab-2026-11-21-074206');
  });
});

describe('an old restic', () => {
  it('is told by its version, and what is no version is none', () => {
    for (const old of ['0.14.0', '0.16.5', '0.9']) expect(tooOld(old)).toBe(old);
    for (const other of ['0.17.0', '0.18.1', '1.0.0', '0.100.0', 'restic was not found', undefined])
      expect(tooOld(other)).toBeUndefined();
  });
});

describe('what there is to restore', () => {
  async function* stream(failure: Error | undefined, ...ids: string[]) {
    for (const id of ids)
      yield create(SnapshotSchema, { id, instance: 'nas', plan: id, repo: 'v' });
    if (failure) throw failure;
  }
  const unreadable = new Failure('refused', 'unreadable', 'Repo w: it does not answer.');
  const plans = ['photos', 'other'].map((id) =>
    create(FleetPlanSchema, { plan: { id, instance: 'nas', repo: id === 'other' ? 'w' : 'v' } }),
  );

  it('is what came, and what is missing of it', async () => {
    expect(await partly(stream(undefined, 'a'))).toMatchObject({ all: [{ id: 'a' }] });
    expect(await partly(stream(unreadable, 'a'))).toMatchObject({
      all: [{ id: 'a' }],
      unread: unreadable,
    });
    await expect(partly(stream(unreadable))).rejects.toBe(unreadable);
    const lost = new Failure('unreachable', '', 'gone');
    await expect(partly(stream(lost, 'a'))).rejects.toBe(lost);
  });
  it('is not called missing where its repo was not read', async () => {
    const ids = async (failure?: Error) =>
      choices.without(plans, await partly(stream(failure, 'photos'))).map(({ plan }) => plan?.id);
    expect(await ids()).toEqual(['other']);
    expect(await ids(unreadable)).toEqual([]);
  });
});

describe('a repo that cannot be read', () => {
  const repo = (more: object) => create(RepoSchema, { id: 'v', state: 'uninitialised', ...more });
  const wrong = 'The password does not open the repository (Fatal: wrong password).';
  it('is not made anew where its password is what is wrong', () => {
    expect(problemOf(repo({}))).toBeUndefined();
    expect(problemOf(repo({ reason: wrong }))).toBe('password');
    expect(problemOf(repo({}), new Failure('refused', 'unreadable', wrong))).toBe('password');
    expect(problemOf(repo({ reason: 'ssh does not know the key' }))).toBe('unopened');
    expect(problemOf(repo({ reason: 'there is no repository at its location' }))).toBeUndefined();
    expect(problemOf(repo({ reason: wrong, origin: 'ed25519.x' }))).toBeUndefined();
    expect(problemOf(repo({ state: 'unreachable', reason: 'no route' }))).toBeUndefined();
  });
});

describe('an edit of a repo', () => {
  const base = { ...fieldsOf(undefined), uri: '/a', kind: 'disk', maxUnused: '5%' };
  it('sends only what differs', () => {
    const now = { ...base, kind: '', forget: 'daily=3' };
    expect(changed(base, now)).toEqual(['kind', 'forget']);
    const secrets = { source: 'keep' as const, secret: '', env: [], removed: [] };
    const switches = { noInit: false, noTest: false, shared: false };
    const asked = editRequest({ repo: 'v', base, now, secrets, switches }, 'r1');
    expect(asked).toMatchObject({ kind: '', revision: 'r1', upkeep: { forget: 'daily=3' } });
    expect(asked.uri).toBeUndefined();
    expect(asked.password).toBeUndefined();
    expect(Object.keys(asked.upkeep ?? {})).toEqual(['forget']);
  });
  it('takes over what was changed elsewhere, and asks only where both changed it', () => {
    const now = { ...base, kind: 'server', maxUnused: '10%' };
    const theirs = { ...base, maxUnused: '20%', place: 'off-site' };
    const { next, conflicts, taken } = merged(base, now, theirs);
    expect(next).toMatchObject({ kind: 'server', maxUnused: '10%', place: 'off-site' });
    expect(taken).toEqual(['place']);
    expect(conflicts).toEqual(['maxUnused']);
    const again = merged(theirs, next, { ...theirs, kind: 'tape' }, conflicts);
    expect(again.conflicts).toEqual(['kind', 'maxUnused']);
  });
});
