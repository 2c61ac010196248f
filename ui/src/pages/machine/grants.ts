// Grants in words: the verb first, what it reaches after it.
import { PAIR } from '$/components/pairs';
import type { Grant, Peer, ReceivedGrant, Repo } from '$/gen/holdfast/api/v1/api_pb';
import { machine } from './words';

const words = machine.grants;

export interface Said {
  permission: string;
  text: string;
}

export function said(grants: (Grant | ReceivedGrant)[]): Said[] {
  return grants
    .filter(({ permission }) => !PAIR.includes(permission))
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
