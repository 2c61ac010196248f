// What the palette finds: pages, machines, plans, repos, ids, and what may be done.
import { planLook } from '$/components/states';
import type { IconName } from '$/components/icons';
import type { Peer, Repo } from '$/gen/holdfast/api/v1/api_pb';
import type { Overview } from '$/gen/holdfast/api/v1/fleet_pb';
import type { Role } from '$/live';
import { words } from '$/messages';
import { rows, type Row } from '$/pages/fleet/rows';
import { settingsWords } from '$/pages/settings/words';
import { beginnings, ownActs, peerActs, planActs, repoActs } from './paletteActs';
import { places } from './places';
import { machineParam, paramHere, urls } from './urls';

export interface Found {
  id: string;
  word: string;
  kind: string;
  icon: IconName;
  href?: string;
  /** What is done on the spot. */
  run?: () => unknown;
  /** Why it leads nowhere here. */
  blocked?: string;
  /** By what else it is found, such as the machine of a plan. */
  also?: string;
}

/** What is known where it is opened; a list that did not come yet is empty. */
export interface Known {
  overview: Overview | undefined;
  repos: Repo[];
  peers: Peer[];
  user: string | undefined;
}

/** Shown at once; more would not be read. */
const AT_MOST = 12;
const LOOKS_LIKE_AN_ID = /^[0-9a-f-]{8,}$/i;

/** Everything that can be found, in the order in which equally good ones are shown. */
export function candidates(known: Known, may: (role: Role) => boolean, now: number): Found[] {
  const { overview, repos, peers, user } = known;
  const plans = overview ? rows(overview, now) : [];
  const pages = places.map<Found>((place) => ({
    id: place.id,
    word: place.word,
    kind: words.palette.page,
    icon: place.icon,
    href: place.href,
  }));
  return [
    ...pages,
    ...beginnings(overview, may),
    ...things(overview, plans, repos, now),
    ...planActs(plans, may),
    ...repoActs(repos, overview, may),
    ...peerActs(peers, may),
    ...sections(),
    ...ownActs(user),
  ];
}

function sections(): Found[] {
  return Object.entries(settingsWords.sections).map(([section, word]) => ({
    id: `settings ${section}`,
    word: `${settingsWords.title}: ${word}`,
    kind: words.palette.page,
    icon: 'gear',
    href: urls.settings(section),
  }));
}

/** Machines, plans and repos. */
function things(overview: Overview | undefined, plans: Row[], here: Repo[], now: number): Found[] {
  if (!overview) return [];
  const found = overview.machines.map<Found>((machine) => {
    const href = urls.machine(machineParam(machine, overview.machines));
    const word = machine.label ?? machine.instance;
    return { id: href, word, kind: words.palette.machine, icon: 'disk', href };
  });
  const repos = new Set<string>();
  const near = reposHere(overview);
  for (const { plan, machine, planHref: href } of plans) {
    const word = `${plan.instance} / ${plan.id}`;
    found.push({ id: href, word, kind: words.palette.plan, icon: planLook(plan, now).icon, href });
    const repo = urls.repo(machineParam(machine, overview.machines), plan.repo);
    if (!plan.repo || repos.has(repo)) continue;
    repos.add(repo);
    found.push({
      id: repo,
      word: `${plan.instance} / ${plan.repo}`,
      kind: words.palette.repo,
      ...(near.has(`${machine.keyId} ${plan.repo}`)
        ? { icon: 'folder', href: repo }
        : { icon: 'lock', blocked: words.palette.notHere(overview.instance) }),
    });
  }
  // Repos of this machine, also those that no plan uses.
  for (const { id } of here) {
    const href = urls.repo(paramHere(overview), id);
    if (repos.has(href)) continue;
    const word = `${overview.instance} / ${id}`;
    found.push({ id: href, word, kind: words.palette.repo, icon: 'folder', href });
  }
  return found;
}

/** Machine and repo of plans whose repo this machine has: those of a peer are told by their copies. */
function reposHere({ plans, machines }: Overview): Set<string> {
  const here = machines.find((machine) => machine.here)?.keyId;
  const near = plans.filter(({ keyId, copies }) => keyId === here || copies !== undefined);
  return new Set(near.map(({ keyId, plan }) => `${keyId} ${plan?.repo}`));
}

/** The best matches: what begins with it, then words that begin with it, then all words of it in any
    order, then what has it anywhere. */
export function find(all: Found[], typed: string): Found[] {
  const want = typed.trim().toLowerCase();
  if (!want) return all.slice(0, AT_MOST);
  const scored = all.flatMap((each) => {
    const score = closeness(each, want);
    return score === undefined ? [] : [{ each, score }];
  });
  scored.sort((a, b) => a.score - b.score);
  return [...scored.map(({ each }) => each), ...byId(want)].slice(0, AT_MOST);
}

function closeness({ word: said, also = '' }: Found, want: string): number | undefined {
  const word = said.toLowerCase();
  if (word.startsWith(want)) return 0;
  const parts = partsOf(word);
  if (parts.some((part) => part.startsWith(want))) return 1;
  const every = [...parts, ...partsOf(also.toLowerCase())];
  if (partsOf(want).every((typed) => every.some((part) => part.startsWith(typed)))) return 2;
  if (word.includes(want)) return 3;
  return initials(word, want) ? 4 : undefined;
}

function partsOf(text: string): string[] {
  return text.split(/[\s/._:-]+/).filter(Boolean);
}

/** `np` finds `nas / paperless`, as its letters come in this order at starts of words. */
function initials(word: string, want: string): boolean {
  return partsOf(word)
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
