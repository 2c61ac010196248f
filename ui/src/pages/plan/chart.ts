// The saw-tooth: how old the newest good backup was at each moment. Numbers only.
import type { Operation } from '$/gen/holdfast/api/v1/api_pb';
import type { PlanDay } from '$/gen/holdfast/api/v1/fleet_pb';
import { isGood } from '../operations/flows';

const DAY_MS = 24 * 3600 * 1000;

/** Milliseconds since the epoch, and the age in seconds then. */
export type Point = [at: number, age: number];

export interface Saw {
  from: number;
  to: number;
  points: Point[];
  /** The largest age that is drawn. */
  top: number;
  most: number;
  /** When it was over the allowed age, first and last. */
  over?: [from: number, to: number];
}

/** The beginning of a day of this browser. */
export function startOf({ day }: PlanDay): number {
  return new Date(`${day}T00:00`).getTime();
}

export function saw(
  days: PlanDay[],
  runs: Operation[],
  allowed: number | undefined,
  now: number,
): Saw {
  const [first] = days;
  const last = days.at(-1);
  const from = first ? startOf(first) : now - DAY_MS;
  const to = last ? Math.max(startOf(last) + DAY_MS, now) : now;
  const points = ages(runs, from, now);
  const most = Math.max(0, ...points.map(([, age]) => age));
  const top = Math.max(most, 2 * (allowed ?? 0), 3600);
  return { from, to, points, top, most, over: allowed ? beyond(points, allowed) : undefined };
}

function ages(runs: Operation[], from: number, now: number): Point[] {
  const ended = runs.filter(isGood).map((run) => Date.parse(run.endedAt ?? run.startedAt));
  const points: Point[] = [];
  let newest: number | undefined;
  for (const at of ended.sort((a, b) => a - b)) {
    if (at >= from) {
      if (newest !== undefined && points.length === 0) points.push([from, (from - newest) / 1000]);
      if (newest !== undefined) points.push([at, (at - newest) / 1000]);
      points.push([at, 0]);
    }
    newest = at;
  }
  if (newest === undefined) return points;
  if (points.length === 0) points.push([from, (from - newest) / 1000]);
  points.push([now, Math.max(0, (now - newest) / 1000)]);
  return points;
}

function beyond(points: Point[], allowed: number): Saw['over'] {
  const over = points.filter(([, age]) => age > allowed);
  const [first] = over;
  const last = over.at(-1);
  // The line crosses the limit before its first point over it.
  return first && last ? [first[0] - (first[1] - allowed) * 1000, last[0]] : undefined;
}

/** What each run added, oldest first, and the one that stands out. */
export interface Added {
  bars: { run: Operation; added: number }[];
  total: number;
  usual: number;
  outlier?: { run: Operation; added: number; times: number };
}

/** Below this nobody looks. */
const WORTH_SAYING = 16 * 2 ** 20;
const OUT_OF_LINE = 5;
const BARS = 60;

export function added(runs: Operation[], since: number): Added {
  const shown = runs.filter((run) => run.endedAt && Date.parse(run.startedAt) >= since);
  const bars = shown
    .slice(0, BARS)
    .reverse()
    .map((run) => ({ run, added: Number(run.stats?.bytesAdded ?? 0n) }));
  const sizes = bars.filter(({ run }) => isGood(run)).map((bar) => bar.added);
  const usual = median(sizes);
  const largest = bars.reduce<(typeof bars)[number] | undefined>(
    (sofar, bar) => (sofar && sofar.added >= bar.added ? sofar : bar),
    undefined,
  );
  const times = largest && usual > 0 ? Math.round(largest.added / usual) : 0;
  const isOutlier = largest && largest.added > WORTH_SAYING && times >= OUT_OF_LINE;
  return {
    bars,
    total: sizes.reduce((sum, size) => sum + size, 0),
    usual,
    outlier: isOutlier && sizes.length > 3 ? { ...largest, times } : undefined,
  };
}

function median(of: number[]): number {
  const sorted = [...of].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
