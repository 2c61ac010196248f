import { describe, expect, test } from 'vitest';
import { candidates, find } from '$/app/palette';
import { counts } from '$/app/counts';
import { railRows } from '$/app/machines';
import { machineOf, machineParam } from '$/app/urls';
import { alone, empty } from '$/fixtures/few';
import { fleetPlan, home, machine, NOW } from '$/fixtures/home';
import { large } from '$/fixtures/large';
import { groups, kept } from '$/pages/fleet/groups';
import { causes, others, watched } from '$/pages/fleet/needs';
import { nextRun, soonest } from '$/pages/fleet/nextrun';
import { filtered, filterOf, rows } from '$/pages/fleet/rows';
import { verdict } from '$/pages/fleet/verdict';

const plain = (text: string) => text.replaceAll('\u00a0', ' ');
const said = (overview: ReturnType<typeof home>) => {
  const { heading, lede } = verdict(rows(overview, NOW), overview);
  return plain(`${heading} ${lede}`);
};

describe('the verdict', () => {
  test('names how many need somebody, and what the others are', () => {
    expect(said(home())).toBe(
      '2 of 11 plans need you. The other 9 are backed up in time, 1 with warnings, 1 as last seen. 6 of 7 machines are connected.',
    );
  });

  test('is good only where every plan has a backup in time', () => {
    const good = home();
    good.plans = good.plans.filter(({ plan }) => plan?.state === 'fresh');
    expect(said(good)).toMatch(/^Everything is backed up, everywhere\. All 7 plans/);
    expect(said(alone(NOW))).toMatch(
      /^2 of 3 plans are backed up\. 2 plans are backed up in time; 1 plan has its first run/,
    );
    expect(said(empty(NOW))).toMatch(/^Nothing is backed up yet\./);
  });

  test('what is snoozed needs nobody, and is not called backed up', () => {
    const overview = home();
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
    const overview = home();
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
    expect(by('gaps=yes')).toEqual(['cameras', 'home', 'paperless', 'homeassistant']);
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

describe('the palette', () => {
  const all = candidates(home(), () => true, NOW);
  const words = (typed: string) => find(all, typed).map(({ word }) => word);

  test('finds by beginnings, then by parts, and by initials', () => {
    expect(words('web')[0]).toBe('web-1');
    expect(words('mail')).toContain('web-2 / mail');
    expect(words('np')).toContain('nas / paperless');
    expect(words('zzz')).toEqual([]);
  });

  test('offers only what is permitted', () => {
    const viewer = candidates(home(), (role) => role === 'viewer', NOW);
    expect(viewer.some(({ run, word }) => run !== undefined || word === 'New plan')).toBe(false);
    expect(words('run photos')).toContain('Run photos now');
  });

  test('takes ids', () => {
    expect(words('0193aaaa')).toEqual(['Open operation 0193aaaa', 'Open snapshot 0193aaaa']);
  });
});

test('a plan without a machine is left out rather than shown without a name', () => {
  const overview = home();
  const lonely = { machine: 'ghost', plan: 'p', state: 'fresh', allowed: 1, days: 'g' };
  overview.plans.push(fleetPlan(NOW, lonely));
  expect(rows(overview, NOW)).toHaveLength(11);
});
