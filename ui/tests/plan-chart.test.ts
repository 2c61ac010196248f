import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { OperationSchema } from '../src/gen/holdfast/api/v1/api_pb';
import { PlanDaySchema } from '../src/gen/holdfast/api/v1/fleet_pb';
import { added, saw } from '../src/pages/plan/chart';
import { retentionWords } from '../src/pages/plan/lede';

const HOUR = 3600 * 1000;
const DAY = 24 * HOUR;
const start = new Date('2026-11-01T00:00').getTime();

function run(at: number, status: string, bytesAdded = 100n) {
  return create(OperationSchema, {
    id: String(at),
    kind: 'backup',
    status,
    startedAt: new Date(at).toISOString(),
    endedAt: new Date(at).toISOString(),
    stats: { bytesAdded: bytesAdded * 2n ** 20n },
  });
}

const days = ['2026-11-01', '2026-11-02', '2026-11-03'].map((day) =>
  create(PlanDaySchema, { day, outcome: 'good' }),
);

describe('the saw-tooth', () => {
  it('falls to nothing at a good backup only', () => {
    const runs = [run(start + 30 * HOUR, 'failed'), run(start + 6 * HOUR, 'succeeded')];
    const { points } = saw(days, runs, 36 * 3600, start + 40 * HOUR);
    expect(points.map(([, age]) => age / 3600)).toEqual([0, 34]);
  });

  it('begins with the age at the first day where an older backup is known', () => {
    const runs = [run(start - 10 * HOUR, 'warning'), run(start + 2 * HOUR, 'succeeded')];
    const { points } = saw(days, runs, undefined, start + 3 * HOUR);
    expect(points[0]).toEqual([start, 10 * 3600]);
    expect(points[1]?.[1]).toBe(12 * 3600);
  });

  it('says from when to when it was too old', () => {
    const runs = [run(start, 'succeeded'), run(start + 2 * DAY, 'succeeded')];
    const { over, most } = saw(days, runs, 36 * 3600, start + 2 * DAY + HOUR);
    expect(over).toEqual([start + 36 * HOUR, start + 2 * DAY]);
    expect(most).toBe(48 * 3600);
  });

  it('has no line where there is no good backup', () => {
    expect(saw(days, [run(start, 'failed')], 3600, start + DAY).points).toEqual([]);
  });
});

describe('what runs added', () => {
  const usual = [0, 1, 2, 3, 4].map((i) => run(start + i * DAY, 'succeeded'));

  it('names a run that is out of line', () => {
    const odd = run(start + 5 * DAY, 'succeeded', 1200n);
    const { outlier, usual: middle } = added([odd, ...usual.toReversed()], start);
    expect(outlier?.run).toBe(odd);
    expect(outlier?.times).toBe(12);
    expect(middle).toBe(100 * 2 ** 20);
  });

  it('names none among equals', () => {
    expect(added(usual.toReversed(), start).outlier).toBeUndefined();
  });
});

describe('a retention in words', () => {
  it('says each rule', () => {
    expect(retentionWords('daily=7,weekly=4,within=90d')).toBe(
      '7\u00a0daily, 4\u00a0weekly, all of 90d',
    );
    expect(retentionWords('keep-all')).toBe('Everything');
  });
});
