import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { entrance } from '$/app/firstRun';
import { counts } from '$/app/counts';
import { railRows } from '$/app/machines';
import { machineOf, machineParam } from '$/app/urls';
import { showsPlans, showsSettings } from '$/components/grants';
import type { PlanState } from '$/components/states';
import { OperationSchema, RepoSchema, type Plan } from '$/gen/holdfast/api/v1/api_pb';
import type { Overview } from '$/gen/holdfast/api/v1/fleet_pb';
import { WhoAmISchema } from '$/gen/holdfast/api/v1/session_pb';
import { alone, empty } from '$/fixtures/few';
import { fleetPlan, home, machine, NOW } from '$/fixtures/home';
import { large } from '$/fixtures/large';
import { groups, kept } from '$/pages/fleet/groups';
import { causes, others, watched } from '$/pages/fleet/needs';
import { nextRun, soonest } from '$/pages/fleet/nextrun';
import { filtered, filterOf, rows } from '$/pages/fleet/rows';
import { verdict } from '$/pages/fleet/verdict';
import { canPause, canResume } from '$/pages/machine/acting';
import { reasonOf } from '$/pages/plan/lede';
import { repoHere } from '$/pages/plan/near';

const plain = (text: string) => text.replaceAll('\u00a0', ' ');
const said = (overview: ReturnType<typeof home>) => {
  const { heading, lede } = verdict(rows(overview, NOW), overview);
  return plain(`${heading} ${lede}`);
};

/** The home, where only plans need somebody. */
function quiet() {
  return { ...home(), attention: [] as Overview['attention'] };
}

describe('the verdict', () => {
  test('names how many need somebody, and what the others are', () => {
    expect(said(home())).toBe(
      '2 of 11 plans need you. The other 9 are backed up in time, 1 with warnings, 1 as last seen. 6 of 8 machines are connected.',
    );
  });

  test('is good only where every plan has a backup in time', () => {
    const good = quiet();
    good.plans = good.plans.filter(({ plan }) => plan?.state === 'fresh');
    good.machines = good.machines.filter(({ here, keyId }) =>
      here ? true : good.plans.some((plan) => plan.keyId === keyId),
    );
    expect(said(good)).toMatch(/^Everything is backed up, everywhere\. All 7 plans/);
    good.machines.push(machine(NOW, 'shed'));
    expect(said(good)).toMatch(/^Everything is backed up, everywhere this machine can see\. All 7/);
    expect(said(alone(NOW))).toMatch(
      /^2 of 3 plans are backed up\. 2 plans are backed up in time; 1 plan has its first run/,
    );
    expect(said(empty(NOW))).toMatch(/^Nothing is backed up yet\./);
  });

  test('is not good where something else needs somebody', () => {
    const overview = quiet();
    const need = (kind: string) =>
      overview.attention.push({
        $typeName: 'holdfast.api.v1.Attention',
        kind,
        subject: 'vault',
        message: 'm',
      });
    overview.plans = overview.plans.filter(({ plan }) => plan?.state === 'fresh');
    need('plan');
    expect(said(overview)).toMatch(/^Everything is backed up/);
    need('repo');
    expect(said(overview)).toMatch(/^Every plan in sight is backed up; 1 thing needs you\. All 7/);
    need('config');
    expect(said(overview)).toMatch(/^Every plan in sight is backed up; 2 things need you\./);
  });

  test('what is snoozed needs nobody, and is not called backed up', () => {
    const overview = quiet();
    for (const plan of overview.plans) {
      if (plan.fix) plan.snoozedUntil = new Date(NOW + 1000).toISOString();
    }
    expect(said(overview)).toMatch(/^Nothing needs you; 2 plans are snoozed\. The other 9/);
    expect(counts(overview, NOW).needYou).toBe(0);
    expect(counts(overview, NOW + 2000).needYou).toBe(2);
  });
});

describe('what needs somebody', () => {
  test('plans with one cause are one thing to do, worst first', () => {
    const overview = large(NOW);
    const found = causes(rows(overview, NOW).filter((row) => row.needs));
    expect(found.map(({ state, rows: of }) => [state, of.length > 1])).toEqual([
      ['never', true],
      ['stale', true],
      ['failing', true],
    ]);
    const failing = found[2]?.rows.map((row) => row.machineName) ?? [];
    expect(new Set(failing)).toEqual(new Set(['db-03', 'db-04']));
  });

  test('a machine out of sight is only watched while its backups are in time', () => {
    const overview = home();
    const watching = watched(rows(overview, NOW), overview);
    expect(watching.offline.map(({ machine: { instance } }) => instance)).toEqual(['cabin']);
    const stale = home();
    const cameras = stale.plans.find(({ plan }) => plan?.id === 'cameras');
    if (cameras?.plan) cameras.plan.state = 'stale';
    expect(watched(rows(stale, NOW), stale).offline).toEqual([]);
  });

  test('what is told above the page or as a plan is not told twice', () => {
    const overview = quiet();
    for (const kind of ['plan', 'config', 'store', 'peer', 'repo']) {
      overview.attention.push({
        $typeName: 'holdfast.api.v1.Attention',
        kind,
        subject: kind,
        message: 'm',
      });
    }
    expect(others(overview).map(({ kind }) => kind)).toEqual(['peer', 'repo']);
  });
});

describe('rows', () => {
  test('ages go on while no answer comes', () => {
    const [first] = rows(home(), NOW + 60_000);
    expect(first?.age).toBe((2 * 24 + 6) * 3600 + 60);
  });

  test('filters by state, text and gaps of 3-2-1', () => {
    const all = rows(home(), NOW);
    const by = (query: string) =>
      filtered(all, filterOf(new URLSearchParams(query))).map((row) => row.plan.id);
    expect(by('state=stale,failing')).toEqual(['home', 'postgres']);
    expect(by('q=WEB-2 / m')).toEqual(['mail']);
    expect(by('gaps=yes')).toEqual(
      'cameras home home paperless homeassistant postgres configs'.split(' '),
    );
  });

  test('where only proof is missing, that is the gap', () => {
    const overview = home();
    for (const { plan, copies } of overview.plans)
      Object.assign(copies!, {
        copies: 3,
        kinds: 2,
        offSite: 1,
        restoreProven: plan?.id !== 'mail',
      });
    const shown = filtered(rows(overview, NOW), filterOf(new URLSearchParams('gaps=yes')));
    expect(shown.map((row) => row.plan.id)).toEqual(['mail']);
  });

  test('the next run says what it waits for', () => {
    const all = rows(home(), NOW);
    const next = (id: string) => {
      const row = all.find(({ plan }) => plan.id === id);
      return row ? plain(nextRun(row, NOW)) : '';
    };
    expect(next('documents')).toBe('in 23 min');
    expect(nextRun(all[2]!, NOW)).toBe('waits for AC power');
    expect(nextRun(all[1]!, NOW)).toBe('when this ends');
    expect(soonest(all, NOW)?.plan.id).toBe('mail');
  });
});

describe('groups', () => {
  test('every plan is in one group, the worst group first', () => {
    const all = rows(large(NOW), NOW);
    for (const by of ['class', 'repo', 'through', 'name'] as const) {
      const found = groups(all, by);
      expect(found.reduce((sum, group) => sum + group.rows.length, 0)).toBe(all.length);
    }
    expect(groups(all, 'class').map(({ name }) => name)).toEqual([
      'rarely-on',
      'laptop',
      'server',
      'desktop',
    ]);
  });

  test('what was drawn stays where it is, and what is new comes last', () => {
    expect(kept(['c', 'new', 'a', 'b'], ['a', 'b', 'c'], (name) => name)).toEqual([
      'a',
      'b',
      'c',
      'new',
    ]);
  });
});

describe('the rail', () => {
  test('few machines stay in their order, many are worst first', () => {
    expect(railRows(home(), NOW).map(({ name, note }) => `${name} ${plain(note)}`.trim())).toEqual([
      'attic',
      'cabin offline 2 d',
      'desktop running',
      'laptop',
      'nas this one',
      'pi',
      'web-1',
      'web-2',
    ]);
    const [worst] = railRows(large(NOW), NOW);
    expect(worst).toMatchObject({ name: 'kiosk-03', note: '2 never' });
  });

  test('a machine without plans is never green', () => {
    expect(railRows(empty(NOW), NOW)[0]?.look.tone).toBe('off');
  });

  test('two machines of one name are told apart', () => {
    const one = machine(NOW, 'web');
    const two = machine(NOW, 'web', { keyId: 'ed25519.other00000000' });
    const all = [one, two];
    expect(machineParam(two, all)).toBe('web~other0');
    expect(machineOf('web~other0', all)).toBe(two);
    expect(machineOf('web', [one])).toBe(one);
  });
});

describe('the repo of a plan', () => {
  const repos = [
    create(RepoSchema, { id: 'vault', guid: 'aa' }),
    create(RepoSchema, { id: 'web-vault', guid: 'bb' }),
  ];
  const row = (instance: string) =>
    rows(home(), NOW).find(({ plan }) => plan.instance === instance && plan.repo === 'vault')!;
  const run = (repoGuid?: string) => create(OperationSchema, { repoGuid });

  test('of a peer is known by its guid, not by its name', () => {
    expect(repoHere(row('nas'), repos, [])?.id).toBe('vault');
    expect(repoHere(row('pi'), repos, [run(), run('bb')])?.id).toBe('web-vault');
    expect(repoHere(row('pi'), repos, [run('cc')])).toBeUndefined();
    expect(repoHere(row('pi'), repos, [])?.id).toBe('vault');
    const apart = row('pi');
    apart.fleet.copies = undefined;
    expect(repoHere(apart, repos, [])).toBeUndefined();
  });
});

describe('why a plan is not fresh', () => {
  test('is not told again where the sentence above has it, and has no raw times', () => {
    const row = rows(home(), NOW)[0]!;
    const why = (state: PlanState, reason: string) =>
      reasonOf({ ...row, state, fleet: { ...row.fleet, reason } }, NOW);
    expect(why('paused', 'paused until 2026-11-23T08:39:11.592Z')).toBeUndefined();
    const late = plain(why('late', 'the run due 2026-11-20T08:39:11.592Z has not begun') ?? '');
    expect(late).toMatch(/^the run due Fri 20 Nov \d\d:\d\d has not begun$/);
  });
});

describe('what a peer lets this machine see', () => {
  const grant = (permission: string, ...scopes: string[]) => ({ permission, scopes });
  test('a machine that shows all and has no plan hides none', () => {
    expect(showsPlans([])).toBe('none');
    expect(showsPlans([grant('read-operations', '*')])).toBe('all');
    expect(showsPlans([grant('read-operations', 'plan:a')])).toBe('some');
    expect(showsPlans([grant('read-operations', '*', '!repo:private')])).toBe('some');
    expect(showsPlans([{ ...grant('read-operations', '*'), withExceptions: true }])).toBe('some');
  });
  test('changing settings includes seeing them', () => {
    expect(showsSettings([grant('read-operations', '*')])).toBe(false);
    expect(showsSettings([grant('write-config', '*')])).toBe(true);
    expect(showsSettings([grant('read-config', '*')])).toBe(true);
  });
});

test('who is nobody comes in by the login only', () => {
  const me = (role: string, usersExist: boolean) => create(WhoAmISchema, { role, usersExist });
  expect(entrance(undefined)).toBeUndefined();
  expect(entrance(me('viewer', true))).toBeUndefined();
  expect(entrance(me('none', true))).toBe('login');
  expect(entrance(me('none', false))).toBe('welcome');
});

test('a plan without a machine is left out rather than shown without a name', () => {
  const overview = home();
  const lonely = { machine: 'ghost', plan: 'p', state: 'fresh', allowed: 1, days: 'g' };
  overview.plans.push(fleetPlan(NOW, lonely));
  expect(rows(overview, NOW)).toHaveLength(11);
});

describe('a paused plan', () => {
  const photos = (more: Partial<Plan>, now = NOW) => {
    const overview = home();
    const { plan } = overview.plans.find((one) => one.plan?.id === 'photos')!;
    Object.assign(plan!, more);
    return rows(overview, now).filter(({ plan }) => plan.id === 'photos');
  };
  const until = new Date(NOW + 1000).toISOString();

  test('is resumed and not paused again, whatever worse is told of it', () => {
    for (const state of ['paused', 'stale', 'failing', 'late', 'fresh']) {
      const found = photos({ state, paused: true });
      expect(canResume(found)).toEqual(found);
      expect(canPause(found)).toEqual([]);
      expect(nextRun(found[0]!, NOW)).toBe('paused');
    }
  });

  test('is one until the pause ends', () => {
    expect(photos({ paused: true, pausedUntil: until })[0]?.paused).toBe(true);
    expect(photos({ paused: true, pausedUntil: until }, NOW + 2000)[0]?.paused).toBe(false);
  });

  test('is not what is switched off: that is neither paused nor resumed', () => {
    const off = photos({ state: 'paused', enabled: false });
    expect([canPause(off), canResume(off)]).toEqual([[], []]);
  });
});
