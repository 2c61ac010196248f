// The pure parts of what editors are made of: schedules, rules, paths, lengths and sizes as text.
import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { isFolder } from '$/components/locations';
import { sectionsOf } from '$/components/menu';
import { above, isMissing, outWith, pattern, taken, toggled, treeRows } from '$/components/paths';
import {
  fateWords,
  firstRules,
  keepsNothing,
  NO_RULE,
  retentionMode,
  rulesOf,
  rulesText,
} from '$/components/retention';
import { reachOf } from '$/components/reach';
import { gaps, scheduleParts, scheduleText } from '$/components/schedule';
import { sizeOf, sizeText, spanOf, spanText } from '$/format';
import { FolderSchema, VisibilitySchema } from '$/gen/holdfast/api/v1/draft_pb';

test.each([
  ['cron: 30 2 * * *', 'cron', '30 2 * * *'],
  ['every 6h', 'every', '6h'],
  ['after home', 'after', 'home'],
  ['manual', 'manual', ''],
] as const)('the schedule %s is taken apart and put together', (text, mode, rest) => {
  expect(scheduleParts(text)).toEqual({ mode, text: rest });
  expect(scheduleText({ mode, text: rest })).toBe(text);
});

test('a schedule that nobody understands is not lost', () => {
  expect(scheduleParts('hourly')).toEqual({ mode: 'cron', text: 'hourly' });
});

test('runs are told with the time since the one before', () => {
  const runs = ['2026-11-21T01:00:00Z', '2026-11-21T13:00:00Z', '2026-11-22T01:00:00Z'];
  expect(gaps(runs)).toEqual([undefined, 43_200, 43_200]);
});

test.each([
  ['last=3,daily=30,within=90d', 'buckets'],
  ['within=36h', 'within'],
  ['keep-all', 'keep-all'],
  ['none', 'none'],
  ['', 'none'],
] as const)('the retention %s is of mode %s', (text, mode) => {
  expect(retentionMode(text)).toBe(mode);
});

test('rules are read and written in the order of the documentation', () => {
  const rules = rulesOf('monthly=12, daily=30 ,last=3,within=90d');
  expect(rulesText(rules)).toBe('last=3,daily=30,monthly=12,within=90d');
  for (const mode of ['buckets', 'within', 'keep-all', 'none'] as const)
    expect(retentionMode(firstRules(mode))).toBe(mode);
});

test('rules that keep no snapshot are told from those that are absent', () => {
  for (const text of [NO_RULE, 'last=0,daily=00', 'within=']) expect(keepsNothing(text)).toBe(true);
  for (const text of ['none', 'keep-all', 'last=1', 'within=1h', 'daily=x'])
    expect(keepsNothing(text)).toBe(false);
});

test.each([
  ['90s', 90n, '90s'],
  ['36h', 129_600n, '36h'],
  ['2w', 1_209_600n, '14d'],
  ['48h', 172_800n, '2d'],
] as const)('%s is a length of time', (text, seconds, written) => {
  expect(spanOf(text)).toBe(seconds);
  expect(spanText(seconds)).toBe(written);
});

test.each([
  ['500MB', 500_000_000n, '500MB'],
  ['4 GiB', 4_294_967_296n, '4GiB'],
  ['100', 100n, '100B'],
] as const)('%s is a size', (text, size, written) => {
  expect(sizeOf(text)).toBe(size);
  expect(sizeText(size)).toBe(written);
});

test('what is no length and no size is none', () => {
  for (const text of ['', '6', 'h', '1.5h', '-2d', '1h30m']) expect(spanOf(text)).toBeUndefined();
  for (const text of ['', 'GiB', '1.5GiB', '3 gib', '3X']) expect(sizeOf(text)).toBeUndefined();
});

test('a folder is taken, in part taken or not', () => {
  const taking = { paths: ['/home', '/srv/a'], exclude: ['*.tmp', '/home/me/cache/'] };
  expect(taken('/home', taking)).toBe('mix');
  expect(taken('/home/you', taking)).toBe('on');
  expect(taken('/home/me/cache', taking)).toBe('off');
  expect(taken('/home/me/cache/deep', taking)).toBe('off');
  expect(taken('/srv', taking)).toBe('mix');
  expect(taken('/srv/ab', taking)).toBe('off');
  expect(outWith('/home/me/cache/deep', taking)).toBe('/home/me/cache/');
});

test('unticking within a taken folder leaves it out, and ticking takes it again', () => {
  const all = { paths: ['/home'], exclude: ['*.tmp'] };
  const without = toggled('/home/me', all);
  expect(without).toEqual({ paths: ['/home'], exclude: ['*.tmp', '/home/me'] });
  expect(taken('/home', without)).toBe('mix');
  expect(toggled('/home/me', without)).toEqual(all);
  expect(toggled('/home', without)).toEqual(all);
  expect(toggled('/home', all)).toEqual({ paths: [], exclude: ['*.tmp'] });
});

test('ticking a folder covers what was taken in it', () => {
  expect(toggled('/srv', { paths: ['/srv/a', '/srv/b', '/etc'], exclude: [] }).paths).toEqual([
    '/etc',
    '/srv',
  ]);
});

test('a name that a pattern reads otherwise is escaped', () => {
  expect(pattern('/srv/a[1]*$x')).toBe('/srv/a\\[1\\]\\*$x');
  for (const name of ['/srv/a[1]*$x', '/srv/cash$', '/srv/back\\slash?']) {
    const without = toggled(name, { paths: ['/srv'], exclude: [] });
    expect(taken(name, without)).toBe('off');
    expect(taken(`${name}/deep`, without)).toBe('off');
    expect(toggled(name, without)).toEqual({ paths: ['/srv'], exclude: [] });
  }
  expect(taken('/srv/abc', { paths: ['/srv'], exclude: ['/srv/a*'] })).toBe('on');
});

test('the tree shows what is open, down to what is taken', () => {
  expect(above(['/home/me/x', '/etc'])).toEqual(['/', '/home', '/home/me']);
  const folder = (names: string[], more = false) =>
    create(FolderSchema, {
      entries: names.map((name) => ({ name, type: 'dir', readable: true })),
      more,
    });
  const read = new Map([
    ['/', folder(['etc', 'home'])],
    ['/home', folder(['me'], true)],
  ]);
  const rows = treeRows(read, new Set(['/', '/home']));
  expect(rows.map((row) => ('path' in row ? row.path : `more of ${row.more}`))).toEqual([
    '/etc',
    '/home',
    '/home/me',
    'more of /home',
  ]);
  expect(treeRows(read, new Set(['/']))).toHaveLength(2);
});

test('what is not shared is not sent, whatever is granted', () => {
  const permissions = ['receive-shared-repos'];
  const visible = create(VisibilitySchema, {
    plans: [{ id: 'home', permissions }],
    repos: [
      { id: 'vault', permissions },
      { id: 'usb', permissions },
      { id: 'private', permissions: [] },
    ],
  });
  const take = { permission: 'receive-shared-repos', scopes: ['*', '!repo:private'] };
  expect(reachOf(take, visible, new Set(['vault']))).toEqual({
    held: ['repo:vault'],
    unshared: ['repo:usb'],
    others: ['repo:private'],
  });
  const see = { permission: 'read-operations', scopes: ['*'] };
  expect(reachOf(see, visible, new Set()).others).toHaveLength(4);
});

test.each([
  ['/mnt/usb', true],
  ['local:/mnt/usb', true],
  ['sftp:vault:/srv', false],
  ['rest:https://vault.example/nas', false],
  ['', false],
])('%s is a folder: %s', (uri, is) => expect(isFolder(uri)).toBe(is));

test('a path is missing only where what was read says so', () => {
  const folder = (names: string[], more = false) =>
    create(FolderSchema, { entries: names.map((name) => ({ name, type: 'dir' })), more });
  const read = new Map([
    ['/', folder(['srv', 'home'])],
    ['/srv', folder(['a'], true)],
  ]);
  const missing = (path: string, hidden = false) => isMissing(path, read, hidden);
  expect([missing('/'), missing('/srv'), missing('/home/ada')]).toEqual([false, false, false]);
  expect([missing('/old/'), missing('/old/deep')]).toEqual([true, true]);
  expect(missing('/srv/b')).toBe(false);
  expect([missing('/.cache'), missing('/.cache', true)]).toEqual([false, true]);
});

test('why a snapshot stays is said in the words of the rule', () => {
  const said = (fate: string, ...reasons: string[]) => fateWords({ fate, reasons });
  expect(said('keep', 'last snapshot', 'daily snapshot')).toBe('last, daily');
  expect(said('apart', 'its time is in the future')).toBe('left alone: its time is in the future');
  expect(said('forget')).toBe('would go');
});

test('entries of a menu that choose together are one section', () => {
  const items = ['a', 'b', 'c', 'd'].map((word) => ({
    word,
    group: 'bc'.includes(word) ? 'Theme' : undefined,
  }));
  const found = sectionsOf(items).map(({ group, members }) => [
    group,
    members.map(({ word }) => word).join(''),
  ]);
  expect(found).toEqual([
    [undefined, 'a'],
    ['Theme', 'bc'],
    [undefined, 'd'],
  ]);
});
