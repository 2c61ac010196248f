// Why a repo that is here cannot be read, where that is known beyond its state.
import type { Failure } from '$/api';
import type { Repo } from '$/gen/holdfast/api/v1/api_pb';
import { own } from './actions';
import { repoWords } from './words';

/** `unopened`: it was never opened, and not because nothing is there. */
export type Problem = 'password' | 'unopened';

const WRONG_PASSWORD = /password does not open|wrong password|no key found/i;
const NOTHING_THERE = /no repository at/i;

/** Of its document, and of what reading its snapshots ended with. A received one is its owner's to mend. */
export function problemOf(repo: Repo, unread?: Failure): Problem | undefined {
  if (!own(repo)) return undefined;
  const told = [repo.reason ?? '', unread?.kind === 'refused' ? unread.message : ''].join('\n');
  if (WRONG_PASSWORD.test(told)) return 'password';
  if (repo.state !== 'uninitialised' || NOTHING_THERE.test(told)) return undefined;
  return told.trim() === '' ? undefined : 'unopened';
}

/** Why nothing can be done in it now; undefined: it is there, and opens. */
export function hindrance(repo: Repo, problem = problemOf(repo)): string | undefined {
  const { hindered } = repoWords;
  return problem ? hindered[problem] : hindered[repo.state];
}
