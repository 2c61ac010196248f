// Two repos of a conflict, side by side.
import type { Repo } from '$/gen/holdfast/api/v1/api_pb';

const isIt = (one: Repo, another: Repo) => one.id === another.id && one.origin === another.origin;

/** Whether plans here are led to it by its name, or would be. */
const hasPlace = ({ state }: Repo) => state !== 'conflict' && state !== 'disabled';

/**
 * The other one of a conflict: first one with its name, then, of one that a peer shares, one of its guid;
 * what its owner took back is in nobody's way.
 */
export function rivalOf(repo: Repo, all: Repo[]): Repo | undefined {
  const others = all.filter((one) => !isIt(one, repo) && one.state !== 'disabled');
  const named = others.filter((one) => one.id === repo.id);
  const same = repo.origin && repo.guid ? others.filter((one) => one.guid === repo.guid) : [];
  const rivals = named.length > 0 ? named : same;
  return rivals.find(hasPlace) ?? rivals[0];
}

/** Whether its snapshots can be looked at. */
export function isReadable(repo: Repo): boolean {
  return hasPlace(repo) && repo.state !== 'uninitialised';
}

/** Whether they are one repository, as far as both guids are known. */
export function sameness(one: Repo, another: Repo): 'same' | 'different' | 'notKnown' {
  if (!one.guid || !another.guid) return 'notKnown';
  return one.guid === another.guid ? 'same' : 'different';
}
