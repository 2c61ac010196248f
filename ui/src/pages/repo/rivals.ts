// Two repos of a conflict, side by side.
import type { Repo } from '$/gen/holdfast/api/v1/api_pb';

const isIt = (one: Repo, another: Repo) => one.id === another.id && one.origin === another.origin;

/** The other one of a conflict: a repo with its name or of its guid; one that has its place first. */
export function rivalOf(repo: Repo, all: Repo[]): Repo | undefined {
  const isRival = (one: Repo) =>
    !isIt(one, repo) && (one.id === repo.id || (!!one.guid && one.guid === repo.guid));
  const rivals = all.filter(isRival);
  return rivals.find(({ state }) => state !== 'conflict') ?? rivals[0];
}

/** Whether they are one repository, as far as both guids are known. */
export function sameness(one: Repo, another: Repo): 'same' | 'different' | 'notKnown' {
  if (!one.guid || !another.guid) return 'notKnown';
  return one.guid === another.guid ? 'same' : 'different';
}
