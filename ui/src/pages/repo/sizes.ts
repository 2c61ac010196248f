// Measurements of a repository as a chart takes them.
import type { RepoSize } from '$/gen/holdfast/api/v1/api_pb';

/** Times in seconds, what all snapshots would restore to, and what is stored. */
export function columns(sizes: RepoSize[]): [number[], number[], number[]] {
  return [
    sizes.map(({ at }) => Date.parse(at) / 1000),
    sizes.map(({ restoreBytes }) => Number(restoreBytes)),
    sizes.map(({ storedBytes }) => Number(storedBytes)),
  ];
}

/** How many bytes would be restored for each that is stored, with one digit. */
export function ratio({ restoreBytes, storedBytes }: RepoSize): string {
  const times = storedBytes === 0n ? 1 : Number(restoreBytes) / Number(storedBytes);
  return times.toFixed(1);
}
