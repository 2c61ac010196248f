// The repos of another machine, as its plans and operations name them, and what is done with them from
// here.
import type { Operation, Repo } from '$/gen/holdfast/api/v1/api_pb';
import { excepts, givesNothing, type Received } from '$/components/grants';
import type { Row } from '../fleet/rows';
import { UPKEEP } from '../operations/explain';

export interface RepoThere {
  id: string;
  plans: string[];
  /** The newest upkeep that is known here. */
  last?: Operation;
  /** It is this machine's own, as it is called here. */
  ours?: string;
}

/** By name. Operations are newest first. */
export function reposThere(plans: Row[], operations: Operation[], repos: Repo[]): RepoThere[] {
  const named = [...plans.map(({ plan }) => plan.repo), ...operations.map(({ repo }) => repo)];
  const ids = [...new Set(named.filter((id): id is string => Boolean(id)))];
  return ids.sort().map((id) => {
    const of = operations.filter(({ repo }) => repo === id);
    return {
      id,
      plans: plans.filter(({ plan }) => plan.repo === id).map(({ plan }) => plan.id),
      // A plan's forget and index follow its backup.
      last: of.find(({ kind, plan }) => UPKEEP.includes(kind) && !plan),
      ours: ours(of, repos),
    };
  });
}

/** By its guid: a peer may give it another name. */
function ours(of: Operation[], repos: Repo[]): string | undefined {
  const guid = of.find(({ repoGuid }) => repoGuid)?.repoGuid;
  return repos.find((repo) => guid && repo.guid === guid && repo.origin === undefined)?.id;
}

/** What it lets this machine start: `all` of it, `some` but not this repo, or `none`; `perhaps` where
 *  what is left out is not told. */
export function runsThere(received: Received[], repo: string): 'all' | 'perhaps' | 'some' | 'none' {
  const runs = received.find(({ permission }) => permission === 'run-operations');
  if (!runs || givesNothing(runs)) return 'none';
  const names = (...scopes: string[]) => scopes.some((scope) => runs.scopes.includes(scope));
  if (names(`!repo:${repo}`) || !names('*', `repo:${repo}`)) return 'some';
  return excepts(runs) ? 'perhaps' : 'all';
}
