// The addresses of pages. An instance is named by its id; two of one name add ~ and six characters of
// the key id.
import type { Machine, Overview } from '$/gen/holdfast/api/v1/fleet_pb';

const part = encodeURIComponent;

export const urls = {
  fleet: () => '/',
  machine: (instance: string) => `/m/${part(instance)}`,
  plan: (instance: string, plan: string) => `/m/${part(instance)}/plan/${part(plan)}`,
  editPlan: (instance: string, plan: string) => `/m/${part(instance)}/plan/${part(plan)}/edit`,
  newPlan: (instance: string) => `/m/${part(instance)}/plan/new`,
  repo: (instance: string, repo: string) => `/m/${part(instance)}/repo/${part(repo)}`,
  editRepo: (instance: string, repo: string) => `/m/${part(instance)}/repo/${part(repo)}/edit`,
  newRepo: (instance: string) => `/m/${part(instance)}/repo/new`,
  snapshot: (instance: string, repo: string, snapshot: string, path = '') =>
    `/m/${part(instance)}/repo/${part(repo)}/snap/${part(snapshot)}/${path.split('/').filter(Boolean).map(part).join('/')}`,
  restore: () => '/restore',
  operations: (filter: Record<string, string> = {}) => {
    const query = new URLSearchParams(filter).toString();
    return query ? `/ops?${query}` : '/ops';
  },
  operation: (id: string) => `/ops/${part(id)}`,
  peers: () => '/peers',
  peer: (peer: string) => `/peers/${part(peer)}`,
  token: () => '/peers/token',
  join: () => '/peers/join',
  settings: (section = 'instance') => `/settings/${section}`,
  login: (next = '') => (next && next !== '/' ? `/login?next=${part(next)}` : '/login'),
  welcome: () => '/welcome',
};

/** How a machine is written in an address: its name, told apart where another has the same. */
export function machineParam(machine: Machine, all: Machine[]): string {
  const { instance, keyId } = machine;
  return keysByName(all)
    .get(instance)
    ?.some((other) => other !== keyId)
    ? `${instance}~${keyStart(keyId)}`
    : instance;
}

/** This machine as in an address. */
export function paramHere({ machines, instance }: Overview): string {
  const here = machines.find((machine) => machine.here);
  return here ? machineParam(here, machines) : instance;
}

const found = new WeakMap<Machine[], Map<string, string[]>>();

/** Found once for a list: it is asked for each of its machines and plans. */
function keysByName(all: Machine[]): Map<string, string[]> {
  const known = found.get(all);
  if (known) return known;
  const by = new Map<string, string[]>();
  for (const { instance, keyId } of all) by.set(instance, [...(by.get(instance) ?? []), keyId]);
  found.set(all, by);
  return by;
}

/** The machine that an address names. */
export function machineOf(param: string, all: Machine[]): Machine | undefined {
  const [instance, start] = param.split('~');
  return all.find(
    (machine) => machine.instance === instance && (!start || keyStart(machine.keyId) === start),
  );
}

/** Key ids share their beginning: six characters after it tell them apart. */
function keyStart(keyId: string): string {
  return (keyId.split(/[.:]/).pop() ?? keyId).slice(0, 6);
}
