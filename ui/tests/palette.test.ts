// What Ctrl K finds, in which order, and for whom.
import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { candidates, find, type Known } from '$/app/palette';
import { preferences } from '$/app/theme.svelte';
import { PeerSchema, RepoSchema } from '$/gen/holdfast/api/v1/api_pb';
import { home, NOW } from '$/fixtures/home';
import type { Role } from '$/live';

const repos = [
  create(RepoSchema, { id: 'vault', state: 'locked' }),
  create(RepoSchema, { id: 'usb', state: 'uninitialised' }),
  create(RepoSchema, { id: 'offsite-web', state: 'ready', origin: 'ed25519.web2' }),
];
const peers = [
  create(PeerSchema, { instance: 'cabin', keyId: 'ed25519.cabin', label: 'hut' }),
  create(PeerSchema, { instance: 'web-2', keyId: 'ed25519.web2', declared: true }),
];
const known = (more: Partial<Known> = {}): Known => ({
  overview: home(),
  repos,
  peers,
  user: 'admin',
  ...more,
});
const ORDER: Role[] = ['none', 'viewer', 'operator', 'admin'];
const as = (role: Role, more: Partial<Known> = {}) =>
  candidates(known(more), (asked) => ORDER.indexOf(role) >= ORDER.indexOf(asked), NOW);
const said = (role: Role, more: Partial<Known> = {}) => as(role, more).map(({ word }) => word);
const words = (typed: string) => find(as('admin'), typed).map(({ word }) => word);

describe('finding', () => {
  test('by beginnings, then by parts, and by initials', () => {
    expect(words('web')[0]).toBe('web-1');
    expect(words('mail')).toContain('web-2 / mail');
    expect(words('np')).toContain('nas / paperless');
    expect(words('zzz')).toEqual([]);
  });

  test('by words in any order, and by the machine of a plan', () => {
    expect(words('photos run')[0]).toBe('Run photos now');
    expect(words('run nas photos')).toEqual(['Run photos now']);
    expect(words('dark')).toEqual(['Theme: Dark']);
  });

  test('a plan before what is done with it', () => {
    const found = words('photos');
    expect(found[0]).toBe('nas / photos');
    expect(found).toContain('Run photos now');
  });

  test('takes ids', () => {
    expect(words('0193aaaa')).toEqual(['Open operation 0193aaaa', 'Open snapshot 0193aaaa']);
  });

  test('repos of this machine that no plan uses, too', () => {
    expect(words('usb')).toContain('nas / usb');
  });

  test('names nothing twice', () => {
    const ids = as('admin').map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('pages and what begins something come first, before anything is typed', () => {
    expect(words('').slice(4, 9)).toEqual([
      'Settings',
      'New plan',
      'New repo',
      'Create a token',
      'Join another machine',
    ]);
  });
});

describe('a repo of a peer', () => {
  test('that is not here leads nowhere, and says so', () => {
    const overview = home();
    const found = () => as('admin', { overview }).find(({ word }) => word === 'pi / vault');
    expect(found()).toMatchObject({ href: '/m/pi/repo/vault' });
    for (const plan of overview.plans) if (plan.plan?.instance === 'pi') plan.copies = undefined;
    expect(found()).toMatchObject({ blocked: 'Repo, not on nas' });
    expect(found()?.href).toBeUndefined();
  });
});

describe('what is offered', () => {
  const begins = (...starts: string[]) =>
    new RegExp(`^(${starts.map((start) => `${start} `).join('|')})`);
  const RUNS = begins('Run', 'Pause', 'Resume', 'Check', 'Prune', 'Unlock', 'Test');
  const CHANGES = begins('New', 'Create', 'Join', 'Remove');

  test('to a viewer changes and runs nothing', () => {
    expect(said('viewer').filter((word) => RUNS.test(word) || CHANGES.test(word))).toEqual([]);
    expect(said('viewer')).toContain('Sign out');
  });

  test('to an operator runs, and changes nothing', () => {
    const operator = said('operator');
    expect(operator.filter((word) => CHANGES.test(word))).toEqual([]);
    expect(operator).toEqual(
      expect.arrayContaining([
        'Run photos now',
        'Pause photos until resumed',
        'Check vault',
        'Unlock vault …',
        'Test connection to hut',
      ]),
    );
  });

  test('runs plans where that is granted, and pauses those of this machine', () => {
    const all = said('admin');
    expect(all).toContain('Run cabin / cameras now');
    expect(all).not.toContain('Run web-2 / mail now');
    expect(all.filter((word) => word.startsWith('Pause ')).length).toBe(3);
  });

  test('resumes what is paused, also where it is stale, and neither runs nor pauses what is switched off', () => {
    const overview = home();
    const plan = (id: string) => overview.plans.find((one) => one.plan?.id === id)!.plan!;
    Object.assign(plan('photos'), { state: 'stale', paused: true });
    plan('paperless').enabled = false;
    const all = said('admin', { overview });
    expect(all).toContain('Resume photos');
    expect(all).not.toContain('Pause photos until resumed');
    expect(all.filter((word) => /paperless/.test(word))).toEqual([
      'nas / paperless',
      'Remove paperless …',
    ]);
  });

  test('looks after its own repos, and removes any', () => {
    const of = (repo: string) =>
      as('admin').filter(({ word }) => RegExp(`^[A-Z].* ${repo}`).test(word));
    expect(of('vault').map(({ word, href }) => [word, href])).toEqual([
      ['Check vault', undefined],
      ['Prune vault …', '/m/nas/repo/vault?do=prune'],
      ['Unlock vault …', '/m/nas/repo/vault?do=unlock'],
      ['Remove vault …', '/m/nas/repo/vault?do=remove'],
    ]);
    expect(of('usb').map(({ word }) => word)).toEqual(['Remove usb …']);
    expect(of('offsite-web').map(({ word }) => word)).toEqual(['Remove offsite-web …']);
  });

  test('what destroys opens its dialog, and a declared peer stays', () => {
    const removes = as('admin').filter(({ word }) => word.startsWith('Remove '));
    for (const { href, run } of removes) {
      expect(href).toMatch(/\?do=remove$/);
      expect(run).toBeUndefined();
    }
    expect(removes.map(({ href }) => href)).toContain('/peers/cabin?do=remove');
    expect(removes.map(({ href }) => href)).not.toContain('/peers/web-2?do=remove');
    expect(removes.map(({ href }) => href)).toContain('/m/nas/plan/photos?do=remove');
  });

  test('nobody signed in signs out, and the theme in use is not offered', () => {
    expect(said('admin', { user: undefined })).not.toContain('Sign out');
    const dark = as('viewer').find(({ word }) => word === 'Theme: Dark');
    void dark?.run?.();
    expect(preferences.theme).toBe('dark');
    expect(said('viewer')).not.toContain('Theme: Dark');
    preferences.theme = 'system';
  });

  test('without an overview pages and themes are there', () => {
    const all = said('admin', { overview: undefined, repos: [], peers: [] });
    expect(all).toContain('Fleet');
    expect(all).not.toContain('New plan');
  });
});
