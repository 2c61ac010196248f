// What the palette does, or leads to the dialog of. Only what the role permits is offered.
import type { IconName } from '$/components/icons';
import type { Peer, Repo } from '$/gen/holdfast/api/v1/api_pb';
import type { Overview } from '$/gen/holdfast/api/v1/fleet_pb';
import type { Role } from '$/live';
import { words } from '$/messages';
import type { Row } from '$/pages/fleet/rows';
import { fullName } from '$/pages/fleet/rows';
import { runNow } from '$/pages/fleet/running';
import { peerName, peerParam } from '$/pages/peers/names';
import { pause, resume } from '$/pages/plan/acting';
import { own, start } from '$/pages/repo/actions';
import { hindrance } from '$/pages/repo/standing';
import type { Found } from './palette';
import { leave } from './session';
import { preferences, THEMES } from './theme.svelte';
import { paramHere, urls } from './urls';

type May = (role: Role) => boolean;

const says = words.palette;

function act(id: string, word: string, icon: IconName, does: Partial<Found>): Found {
  return { id, word, kind: says.action, icon, ...does };
}

/** Of this machine as a whole: what begins something new. */
export function beginnings(overview: Overview | undefined, may: May): Found[] {
  if (!may('admin') || !overview) return [];
  const here = paramHere(overview);
  return [
    act('new plan', says.newPlan, 'plus', { href: urls.newPlan(here) }),
    act('new repo', says.newRepo, 'plus', { href: urls.newRepo(here) }),
    act('token', says.createToken, 'key', { href: urls.token() }),
    act('join', says.join, 'pair', { href: urls.join() }),
  ];
}

/** A plan of a peer is run where that is granted; the others are changed where they are. */
export function planActs(all: Row[], may: May): Found[] {
  return all.flatMap((row) => {
    const { plan, machine, id } = row;
    const found: Found[] = [];
    const name = machine.here ? plan.id : fullName(row);
    const put = (what: string, word: string, icon: IconName, does: Partial<Found>) =>
      found.push(
        act(`${what} ${id}`, word, icon, { kind: says.of.plan, also: row.machineName, ...does }),
      );
    if (may('operator') && machine.mayRun && plan.enabled && row.state !== 'running')
      put('run', says.runNow(name), 'play', { run: () => runNow(row) });
    if (!machine.here) return found;
    if (may('operator') && plan.enabled) {
      if (row.paused) put('resume', says.resume(name), 'play', { run: () => resume(row) });
      else put('pause', says.pause(name), 'pause', { run: () => pause(row) });
    }
    if (may('admin'))
      put('remove', says.remove(name), 'minus', { href: `${row.planHref}?do=remove` });
    return found;
  });
}

/** Check is begun at once, as on the repo's page; the others are asked about there. */
export function repoActs(repos: Repo[], overview: Overview | undefined, may: May): Found[] {
  if (!overview) return [];
  const here = paramHere(overview);
  return repos.flatMap((repo) => {
    const asked = (what: string) => ({
      href: `${urls.repo(here, repo.id)}?do=${what}`,
      kind: says.of.repo,
    });
    const found: Found[] = [];
    if (may('operator') && own(repo) && !hindrance(repo))
      found.push(
        act(`check ${repo.id}`, says.check(repo.id), 'tick', {
          run: () => start(repo.id, 'check'),
          kind: says.of.repo,
        }),
        act(`prune ${repo.id}`, says.prune(repo.id), 'disk', asked('prune')),
        act(`unlock ${repo.id}`, says.unlock(repo.id), 'lock', asked('unlock')),
      );
    if (may('admin'))
      found.push(act(`remove repo ${repo.id}`, says.remove(repo.id), 'minus', asked('remove')));
    return found;
  });
}

export function peerActs(peers: Peer[], may: May): Found[] {
  return peers.flatMap((peer) => {
    const name = peerName(peer);
    const at = urls.peer(peerParam(peer, peers));
    const found: Found[] = [];
    if (may('operator'))
      found.push(
        act(`test ${at}`, says.test(name), 'link', { href: `${at}?test=1`, kind: says.of.peer }),
      );
    if (may('admin') && !peer.declared)
      found.push(
        act(`remove ${at}`, says.remove(name), 'minus', {
          href: `${at}?do=remove`,
          kind: says.of.peer,
        }),
      );
    return found;
  });
}

/** Of this browser: how it looks, and who is signed in. */
export function ownActs(user: string | undefined): Found[] {
  const found = THEMES.filter((theme) => theme !== preferences.theme).map((theme) =>
    act(`theme ${theme}`, says.theme(words.menu[theme]), 'gear', {
      run: () => void (preferences.theme = theme),
    }),
  );
  if (user) found.push(act('sign out', words.menu.signOut, 'arrow', { run: leave }));
  return found;
}
