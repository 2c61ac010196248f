// The repo of a plan, where this machine has it too: only then its snapshots are to be read here.
import type { Operation, Repo } from '$/gen/holdfast/api/v1/api_pb';
import type { Row } from '../fleet/rows';

/** By its guid: a peer's repo may have another name here, and another repo the name of a peer's. */
export function repoHere(
  { plan, machine, fleet }: Row,
  repos: Repo[],
  runs: Operation[],
): Repo | undefined {
  if (machine.here) return repos.find(({ id }) => id === plan.repo);
  const guid = runs.find(({ repoGuid }) => repoGuid)?.repoGuid;
  if (guid) return repos.find((repo) => repo.guid === guid);
  return fleet.copies && repos.find(({ id }) => id === plan.repo);
}
