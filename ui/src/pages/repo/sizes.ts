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

const KIBI = 1024;
/** Of one unit; the last is one of the next. */
const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, KIBI];
/** At most so many lines above zero. */
const LINES = 4;

/** Where lines are drawn up to the largest size: at round numbers of the units it is told in. */
export function marks(most: number): number[] {
  const least = most / LINES;
  const unit = KIBI ** Math.max(0, Math.floor(Math.log(least) / Math.log(KIBI)));
  const step = unit * (STEPS.find((n) => n * unit >= least) ?? KIBI);
  return Array.from({ length: Math.floor(most / step) + 1 }, (_, n) => n * step);
}
