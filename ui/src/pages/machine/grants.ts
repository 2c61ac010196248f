// Grants in words: the verb first, what it reaches after it.
import type { Grant, Peer, ReceivedGrant, Repo } from '$/gen/holdfast/api/v1/api_pb';
import { machine } from './words';

const words = machine.grants;

/** These two make the shared pair, which is told apart. */
const SHARED = ['receive-shared-repos', 'send-shared-repos'];

export interface Said {
  permission: string;
  text: string;
}

export function said(grants: (Grant | ReceivedGrant)[]): Said[] {
  return grants
    .filter(({ permission }) => !SHARED.includes(permission))
    .map((grant) => ({ permission: grant.permission, text: sentence(grant) }));
}

function sentence(grant: Grant | ReceivedGrant): string {
  const verb = words.verbs[grant.permission] ?? grant.permission;
  const but = grant.scopes.filter((scope) => scope.startsWith('!')).map(bare);
  const only = grant.scopes.filter((scope) => scope !== '*' && !scope.startsWith('!')).map(bare);
  const reach = [
    only.length > 0 && words.only(only.join(', ')),
    but.length > 0 && words.but(but.join(', ')),
    'withExceptions' in grant && grant.withExceptions && words.exceptions,
  ].filter(Boolean);
  return reach.length > 0 ? `${verb}, ${reach.join(', ')}` : verb;
}

/** `repo vault` of `!repo:vault`. */
function bare(scope: string): string {
  return scope.replace(/^!/, '').replace(':', ' ');
}

export interface Pair {
  repo: string;
  text: string;
}

/** What goes from one to the other: for certain what arrived here, as allowed what is sent. */
export function pairs(peer: Peer, repos: Repo[], name: string, here: string): Pair[] {
  const arrived = repos
    .filter(({ origin }) => origin === peer.keyId)
    .map(({ id }) => ({ repo: id, text: words.sends(name, here) }));
  const sent = repos
    .filter((repo) => repo.shared && !repo.origin && isSent(peer, repo.id))
    .map(({ id }) => ({ repo: id, text: words.maySend(here, name) }));
  return [...arrived, ...sent];
}

/** The repos whose credentials it was sent. */
export function known(peer: Peer, repos: Repo[]): string[] {
  return repos
    .filter((repo) => repo.shared && !repo.origin && isSent(peer, repo.id))
    .map(({ id }) => id);
}

function isSent(peer: Peer, repo: string): boolean {
  const grant = peer.grants.find(({ permission }) => permission === 'receive-shared-repos');
  if (!grant || grant.scopes.includes(`!repo:${repo}`)) return false;
  return grant.scopes.includes('*') || grant.scopes.includes(`repo:${repo}`);
}
