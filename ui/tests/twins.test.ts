// Two machines of one name: nothing of the one is taken for the other's.
import { create } from '@bufbuild/protobuf';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { api } from '$/api';
import { machineParam } from '$/app/urls';
import { fleetPlan, home, machine, NOW } from '$/fixtures/home';
import { RepoMemberSchema, RepoSchema, SnapshotSchema } from '$/gen/holdfast/api/v1/api_pb';
import { whose } from '$/pages/browser/whose';
import { fixOf } from '$/pages/fleet/fixes';
import { rows } from '$/pages/fleet/rows';
import WithoutSnapshot from '$/pages/restore/WithoutSnapshot.svelte';
import Members from '$/pages/repo/Members.svelte';
import { overview } from '$/live';
import { clear, drawn, lookingAs, press, settled, textOf } from './mounted';

const OTHER = 'ed25519.other00000000';

/** Beside `nas` and its plans another `nas`, with a plan of the same name. */
function twins() {
  const fleet = home();
  fleet.machines.push(machine(NOW, 'nas', { keyId: OTHER }));
  const sketch = { machine: 'nas', plan: 'photos', state: 'failing', allowed: 60, days: 'f' };
  fleet.plans.push(fleetPlan(NOW, { ...sketch, fleet: { keyId: OTHER, fix: 'open-log' } }));
  return fleet;
}

beforeEach(() => lookingAs('home'));
afterEach(() => {
  vi.restoreAllMocks();
});

test('a plan of the twin is not run here, and one of this machine is', async () => {
  const backup = vi.spyOn(api.plans, 'backup');
  const fleet = twins();
  const photos = fleet.plans.filter(({ plan }) => plan?.id === 'photos');
  const far = photos.filter(({ keyId }) => keyId === OTHER);
  const page = drawn(WithoutSnapshot, { plans: far, overview: fleet });
  expect(page.querySelector('button')).toBeNull();
  expect(textOf(page)).toContain('nas');
  await clear();
  const both = drawn(WithoutSnapshot, { plans: photos, overview: fleet });
  expect(both.querySelectorAll('button')).toHaveLength(1);
  const here = fleet.machines.find((each) => each.here)!;
  expect(both.querySelector('a')?.getAttribute('href')).toBe(
    `/m/${machineParam(here, fleet.machines)}/plan/photos`,
  );
  press(both, 'Run now photos');
  await settled();
  expect(backup).toHaveBeenCalledExactlyOnceWith({ plan: 'photos' });
});

test('the log of a plan is that of its own machine', () => {
  const row = rows(twins(), NOW).find(({ machine: { keyId } }) => keyId === OTHER)!;
  expect(fixOf([row])?.href).toBe('/ops?peer=nas%7Eother0&plan=photos&kind=backup');
});

test('a member of a shared repo is found by its key', async () => {
  await overview().refresh();
  overview().set(twins());
  const members = [
    create(RepoMemberSchema, { instance: 'nas', keyId: OTHER, state: 'taken' }),
    create(RepoMemberSchema, { instance: 'lost', keyId: 'gone', state: 'deleted' }),
  ];
  const repo = create(RepoSchema, { id: 'vault', shared: true, members });
  const names = drawn(Members, { repo, groups: [] }).querySelectorAll('.m-n');
  expect(names[0]?.querySelector('a')?.getAttribute('href')).toBe('/m/nas~other0');
  expect(names[1]?.querySelector('a')).toBeNull();
});

test('a snapshot leads to its machine and plan where it is certain which they are', () => {
  const of = (instance: string, plan: string) => create(SnapshotSchema, { instance, plan });
  expect(whose(of('web-1', 'sites'), twins())).toEqual({
    machineHref: '/m/web-1',
    planHref: '/m/web-1/plan/sites',
  });
  expect(whose(of('web-1', 'removed'), twins())).toEqual({ machineHref: '/m/web-1' });
  expect(whose(of('nas', 'photos'), twins())).toEqual({});
  expect(whose(of('dead', 'home'), twins())).toEqual({});
});
