import { describe, expect, test } from 'vitest';
import { matched } from '$/app/match';
import { routes } from '$/pages/routes';

describe('addresses', () => {
  test.each([
    ['/', 'Fleet', {}],
    ['/m/nas', 'Machine', { machine: 'nas' }],
    ['/m/nas/plan/new', 'New plan', { machine: 'nas' }],
    ['/m/nas/plan/my%20photos', 'Plan', { machine: 'nas', plan: 'my photos' }],
    ['/m/nas~ab12cd/repo/vault/edit', 'Edit repo', { machine: 'nas~ab12cd', repo: 'vault' }],
    [
      '/m/nas/repo/vault/snap/ab12/home/a%2Fb',
      'Snapshot',
      { machine: 'nas', repo: 'vault', snapshot: 'ab12', path: 'home/a/b' },
    ],
    [
      '/m/nas/repo/vault/snap/ab12/',
      'Snapshot',
      { machine: 'nas', repo: 'vault', snapshot: 'ab12', path: '' },
    ],
    ['/peers/token', 'Peers', {}],
    ['/peers/cabin', 'Peers', { peer: 'cabin' }],
    ['/settings/users/', 'Settings', { section: 'users' }],
  ])('%s', (path, title, params) => {
    const found = matched(routes, path);
    expect(found?.route.title).toBe(title);
    expect(found?.params).toEqual(params);
  });

  test.each(['/nothing', '/m', '/m/nas/plan', '/ops/1/2'])('%s is no page', (path) => {
    expect(matched(routes, path)).toBeUndefined();
  });
});
