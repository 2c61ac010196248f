// Whether a peer may take a repo, by what it is granted here.
import { TAKE } from '$/components/reach';
import type { Peer } from '$/gen/holdfast/api/v1/api_pb';

/** `excluded`: its grant leaves the repo out; `declared`: it is only changed in the config file. */
export type Taking = 'may' | 'not' | 'excluded' | 'declared';

export function takingOf({ grants, declared }: Peer, repo: string): Taking {
  const scopes = grants.find(({ permission }) => permission === TAKE)?.scopes ?? [];
  if (scopes.includes(`!repo:${repo}`)) return 'excluded';
  if (scopes.includes('*') || scopes.includes(`repo:${repo}`)) return 'may';
  return declared ? 'declared' : 'not';
}

export const takeGrant = (repo: string) => ({ permission: TAKE, scopes: [`repo:${repo}`] });
