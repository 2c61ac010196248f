// The made-up daemon: each question is answered, and in one place.
import { readFileSync } from 'node:fs';
import { createClient, type ConnectRouter } from '@connectrpc/connect';
import { expect, test, vi } from 'vitest';
import { ANSWERS, fixtureTransport } from '$/fixtures';
import { ADMIN, OPERATOR } from '$/fixtures/roles';
import { MODES, worldOf } from '$/fixtures/world';
import * as api from '$/gen/holdfast/api/v1/api_pb';
import * as drafts from '$/gen/holdfast/api/v1/draft_pb';
import * as fleet from '$/gen/holdfast/api/v1/fleet_pb';
import * as hooks from '$/gen/holdfast/api/v1/hooks_pb';
import * as sessions from '$/gen/holdfast/api/v1/session_pb';
import * as settings from '$/gen/holdfast/api/v1/settings_pb';
import * as upkeep from '$/gen/holdfast/api/v1/upkeep_pb';

/** For the command line only, or streams that the interface reads through /download. */
const NOT_ASKED = [
  'OperationService.list',
  'OperationService.watch',
  'PeerService.preview',
  'RepoService.password',
  'SnapshotService.dump',
];

interface Service {
  typeName: string;
  method: Record<string, unknown>;
}

const short = (service: { typeName: string }, method: string) =>
  `${service.typeName.split('.').pop()}.${method}`;

/** What one function answers: whole services hide each other, so a service counts as one answer too. */
function answeredBy(add: (typeof ANSWERS)[string]): string[] {
  const answers: string[] = [];
  const router = {
    service(service: Service, methods: object) {
      answers.push(
        short(service, '*'),
        ...Object.keys(methods).map((name) => short(service, name)),
      );
      return router;
    },
    rpc(method: { parent: Service; localName: string }) {
      answers.push(short(method.parent, method.localName));
      return router;
    },
  };
  add(router as unknown as ConnectRouter, worldOf('home'));
  return answers;
}

const answered = Object.values(ANSWERS).flatMap(answeredBy);
const services = [api, drafts, fleet, hooks, sessions, settings, upkeep]
  .flatMap((file) => Object.values(file) as unknown[])
  .filter((one): one is Service => typeof one === 'object' && one !== null && 'method' in one)
  .filter(({ method }) => typeof method === 'object');

test('no question is answered in two places', () => {
  expect(answered.filter((one, i) => answered.indexOf(one) !== i)).toEqual([]);
});

test('every question of the API is answered, or named as not asked', () => {
  const asked = services.flatMap((service) =>
    Object.keys(service.method).map((name) => short(service, name)),
  );
  expect(asked.length).toBeGreaterThan(50);
  expect(asked.filter((one) => !answered.includes(one)).sort()).toEqual(NOT_ASKED);
});

test('a service is not answered whole in one file and by method in another', () => {
  const whole = answered.filter((one) => one.endsWith('.*')).map((one) => one.slice(0, -2));
  for (const add of Object.values(ANSWERS)) {
    const own = answeredBy(add);
    const loose = own.filter((one) => whole.includes(one.split('.')[0] ?? ''));
    for (const one of loose) expect(own).toContain(`${one.split('.')[0]}.*`);
  }
});

test.each(MODES.filter((mode) => !['slow', 'partial', 'broken'].includes(mode)))(
  '%s: its machines, plans and repos name only what is there',
  async (mode) => {
    const transport = fixtureTransport(mode);
    const overview = await createClient(fleet.FleetService, transport).overview({});
    const machines = new Set(overview.machines.map(({ keyId }) => keyId));
    const { operations } = await createClient(api.OperationService, transport).page({ limit: 500 });
    const { peers } = await createClient(api.PeerService, transport).list({});
    const { repos } = await createClient(api.RepoService, transport).list({});
    for (const { origin } of operations) expect(machines).toContain(origin);
    for (const { keyId } of overview.plans) expect(machines).toContain(keyId);
    for (const { origin } of repos) if (origin) expect(machines).toContain(origin);
    expect(peers.length === 0).toBe(machines.size < 2);
  },
);

test.each(['home', 'large', 'limited', 'locked'] as const)(
  '%s: what Fleet offers is what the daemon would, and peers are there as on Peers',
  async (mode) => {
    const transport = fixtureTransport(mode);
    const { machines, plans } = await createClient(fleet.FleetService, transport).overview({});
    const { peers } = await createClient(api.PeerService, transport).list({});
    const of = new Map(machines.map((one) => [one.keyId, one]));
    for (const { fix, keyId } of plans) {
      if (fix === 'unlock') expect(of.get(keyId)?.here).toBe(true);
      if (fix === 'run' || fix === 'retry') expect(of.get(keyId)?.mayRun).toBe(true);
    }
    const runs = ({ grantsReceived }: api.Peer) =>
      grantsReceived.some(({ permission }) => permission === 'run-operations');
    const told = peers.map((peer) => [peer.instance, peer.state, runs(peer)]).sort();
    const seen = machines.filter(({ here }) => !here);
    expect(told).toEqual(seen.map((one) => [one.instance, one.state, one.mayRun]).sort());
  },
);

test('no day is told as good on which every backup failed', async () => {
  const client = createClient(fleet.FleetService, fixtureTransport('home'));
  const format = new Intl.DateTimeFormat('sv-SE');
  const dayOf = (at: string) => format.format(new Date(at));
  for (const { plan, keyId } of (await client.overview({})).plans) {
    const { days, runs } = await client.planHistory({ plan: plan?.id, peer: keyId, days: 30 });
    for (const { day } of days.filter(({ outcome }) => outcome === 'good')) {
      const own = runs.filter(({ startedAt }) => dayOf(startedAt) === day);
      const failed = own.filter(({ status }) => status === 'failed');
      expect([plan?.id, day, own.length > 0 && failed.length === own.length]).toContain(false);
    }
  }
});

test('the made-up daemon refuses what the real one refuses, by role', () => {
  const table = readFileSync('../src/web/roles.rs', 'utf8').split('METHODS')[1]?.split('\n];')[0];
  let service = '';
  const real: Record<string, Record<string, string[]>> = { OPERATOR: {}, ADMIN: {} };
  for (const [, name, method, role] of table?.matchAll(/"(\w+Service)"|"(\w+)", ([A-Z]+)/g) ?? []) {
    if (name) service = name;
    else if (role && method && real[role]) (real[role][service] ??= []).push(method);
  }
  expect(real).toEqual({ OPERATOR, ADMIN });
});

test('who may only look is refused the rest, and it is said aloud', async () => {
  const aloud = vi.spyOn(console, 'error').mockImplementation(() => undefined);
  const plans = createClient(api.PlanService, fixtureTransport('viewer'));
  await expect(plans.backup({ plan: 'photos' })).rejects.toThrow('needs the role operator');
  expect(aloud).toHaveBeenCalledWith('PlanService.Backup was asked as viewer');
  aloud.mockClear();
  await createClient(api.PlanService, fixtureTransport('operator')).backup({ plan: 'photos' });
  expect(aloud).not.toHaveBeenCalled();
  aloud.mockRestore();
});
