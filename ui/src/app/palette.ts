// What the palette finds: pages, machines, plans, repos, ids, and what may be done.
import { planLook } from '$/components/states';
import type { IconName } from '$/components/icons';
import type { Overview } from '$/gen/holdfast/api/v1/fleet_pb';
import type { Role } from '$/live';
import { words } from '$/messages';
import { places } from './places';
import { machineParam, urls } from './urls';

export interface Found {
  id: string;
  word: string;
  kind: string;
  icon: IconName;
  href?: string;
  /** A plan of this instance that would be run. */
  run?: string;
  /** Why it leads nowhere here. */
  blocked?: string;
}

/** Shown at once; more would not be read. */
const AT_MOST = 12;
const LOOKS_LIKE_AN_ID = /^[0-9a-f-]{8,}$/i;

/** Everything that can be found, in the order in which equally good ones are shown. */
export function candidates(
  overview: Overview | undefined,
  may: (role: Role) => boolean,
  now: number,
): Found[] {
  const pages = places.map<Found>((place) => ({
    id: place.id,
    word: place.word,
    kind: words.palette.page,
    icon: place.icon,
    href: place.href,
  }));
  return [...pages, ...fleetThings(overview, may, now), ...actions(overview, may)];
}

function fleetThings(
  overview: Overview | undefined,
  may: (role: Role) => boolean,
  now: number,
): Found[] {
  if (!overview) return [];
  const found: Found[] = [];
  const param = new Map(
    overview.machines.map((machine) => [machine.keyId, machineParam(machine, overview.machines)]),
  );
  for (const machine of overview.machines) {
    const href = urls.machine(param.get(machine.keyId) ?? machine.instance);
    found.push({
      id: href,
      word: machine.label ?? machine.instance,
      kind: words.palette.machine,
      icon: 'disk',
      href,
    });
  }
  const repos = new Set<string>();
  const near = reposHere(overview);
  for (const { plan, keyId } of overview.plans) {
    if (!plan) continue;
    const at = param.get(keyId) ?? plan.instance;
    const href = urls.plan(at, plan.id);
    const word = `${plan.instance} / ${plan.id}`;
    found.push({ id: href, word, kind: words.palette.plan, icon: planLook(plan, now).icon, href });
    const repo = urls.repo(at, plan.repo);
    if (plan.repo && !repos.has(repo)) {
      repos.add(repo);
      found.push({
        id: repo,
        word: `${plan.instance} / ${plan.repo}`,
        kind: words.palette.repo,
        ...(near.has(`${keyId} ${plan.repo}`)
          ? { icon: 'folder', href: repo }
          : { icon: 'lock', blocked: words.palette.notHere(overview.instance) }),
      });
    }
    if (plan.instance === overview.instance && may('operator')) {
      found.push({
        id: `run ${plan.id}`,
        word: words.palette.runNow(plan.id),
        kind: words.palette.action,
        icon: 'play',
        run: plan.id,
      });
    }
  }
  return found;
}

/** Machine and repo of plans whose repo this machine has: those of a peer are told by their copies. */
function reposHere({ plans, machines }: Overview): Set<string> {
  const here = machines.find((machine) => machine.here)?.keyId;
  const near = plans.filter(({ keyId, copies }) => keyId === here || copies !== undefined);
  return new Set(near.map(({ keyId, plan }) => `${keyId} ${plan?.repo}`));
}

function actions(overview: Overview | undefined, may: (role: Role) => boolean): Found[] {
  if (!may('admin') || !overview) return [];
  const here = overview.instance;
  const list: [string, string, IconName][] = [
    [words.palette.newPlan, urls.newPlan(here), 'plus'],
    [words.palette.newRepo, urls.newRepo(here), 'plus'],
    [words.palette.createToken, urls.token(), 'key'],
    [words.palette.join, urls.join(), 'pair'],
  ];
  return list.map(([word, href, icon]) => ({
    id: href,
    word,
    kind: words.palette.action,
    icon,
    href,
  }));
}

/** The best matches: what begins with it, then words that begin with it, then what has it anywhere. */
export function find(all: Found[], typed: string): Found[] {
  const want = typed.trim().toLowerCase();
  if (!want) return all.slice(0, AT_MOST);
  const scored = all.flatMap((each) => {
    const score = closeness(each.word.toLowerCase(), want);
    return score === undefined ? [] : [{ each, score }];
  });
  scored.sort((a, b) => a.score - b.score);
  return [...scored.map(({ each }) => each), ...byId(want)].slice(0, AT_MOST);
}

function closeness(word: string, want: string): number | undefined {
  if (word.startsWith(want)) return 0;
  if (word.split(/[\s/._-]+/).some((part) => part.startsWith(want))) return 1;
  if (word.includes(want)) return 2;
  return initials(word, want) ? 3 : undefined;
}

/** `np` finds `nas / paperless`, as its letters come in this order at starts of words. */
function initials(word: string, want: string): boolean {
  return word
    .split(/[\s/._-]+/)
    .map((part) => part.charAt(0))
    .join('')
    .startsWith(want);
}

/** Ids are not listed anywhere: whatever looks like one is offered. */
function byId(want: string): Found[] {
  if (!LOOKS_LIKE_AN_ID.test(want)) return [];
  return [
    {
      id: `op ${want}`,
      word: words.palette.openOperation(want),
      kind: words.palette.operation,
      icon: 'ops',
      href: urls.operation(want),
    },
    {
      id: `snap ${want}`,
      word: words.palette.openSnapshot(want),
      kind: words.palette.snapshot,
      icon: 'restore',
      href: `${urls.restore()}?snapshot=${want}`,
    },
  ];
}
