import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { OperationSchema, ProgressSchema } from '../src/gen/holdfast/api/v1/api_pb';
import { again, happened } from '../src/pages/operations/explain';
import { csv, json } from '../src/pages/operations/exporting';
import {
  chosen,
  filterOf,
  isFiltering,
  isOnlyRunning,
  question,
  spanned,
} from '../src/pages/operations/filters';
import { flowsOf, singles, took } from '../src/pages/operations/flows';
import { toldOf } from '../src/pages/operations/progress';

const NOW = Date.parse('2026-11-21T06:42:00Z');

function one(id: string, flow: string, kind: string, status: string, second: number) {
  const at = (more: number) => new Date(NOW - 3600_000 + (second + more) * 1000).toISOString();
  return create(OperationSchema, {
    id,
    flow,
    kind,
    status,
    origin: 'key',
    instance: 'nas',
    plan: 'documents',
    repo: 'vault',
    startedAt: at(0),
    endedAt: status === 'running' ? undefined : at(10),
  });
}

describe('flows', () => {
  const list = [
    one('3', 'a', 'index', 'skipped', 20),
    one('9', 'b', 'check', 'succeeded', 15),
    one('2', 'a', 'forget', 'skipped', 12),
    one('1', 'a', 'backup', 'failed', 0),
  ];

  it('hold what belongs together, oldest first, and end as their worst step', () => {
    const [first, second] = flowsOf(list);
    expect(first?.steps.map(({ id }) => id)).toEqual(['1', '2', '3']);
    expect(first?.worst.status).toBe('failed');
    expect(first && took(first, NOW)).toBe('30\u00a0s');
    expect(second?.head.kind).toBe('check');
  });

  it('are one operation each where that is asked', () => {
    expect(singles(list)).toHaveLength(4);
  });

  it('stay the same objects where nothing of them changed, so that they are not drawn again', () => {
    const before = flowsOf(list);
    const started = one('8', 'b', 'index', 'running', 30);
    const after = flowsOf([started, ...list], before);
    expect(after.find(({ key }) => key === 'key/a')).toBe(before[0]);
    expect(after[0]?.steps).toEqual([list[1], started]);
    const ended = list.map((step) => (step.id === '3' ? { ...step, revision: 2 } : step));
    expect(flowsOf(ended, before)[0]).not.toBe(before[0]);
    expect(singles(list, singles(list))).toHaveLength(4);
  });

  it('go on while a step does', () => {
    const [flow] = flowsOf([one('1', 'a', 'backup', 'running', 0)]);
    expect(flow?.endedAt).toBeUndefined();
  });
});

describe('progress', () => {
  const at = (fields: Record<string, number | bigint>) => create(ProgressSchema, fields);

  it('says nothing where nothing was counted yet', () => {
    expect(toldOf(undefined, 'backup')).toEqual({});
    expect(toldOf(at({}), 'backup')).toEqual({});
    expect(toldOf(at({}), 'check')).toEqual({});
  });

  it('is a percent only where packs are counted and not files', () => {
    const told = toldOf(at({ permille: 420, filesDone: 5n, filesTotal: 12n }), 'prune');
    expect(told).toEqual({ percent: '42\u00a0%' });
  });

  it('has counts where there are some', () => {
    const told = toldOf(at({ bytesTotal: 2048n, filesTotal: 3n }), 'restore');
    expect(told).toEqual({
      percent: '0\u00a0%',
      bytes: '0\u00a0B of 2\u00a0KiB',
      files: '0 of 3 files',
    });
  });
});

describe('filters', () => {
  it('come from the address and become the question', () => {
    const filter = filterOf(new URLSearchParams('plan=a,b&state=failed&time=day&x=1'));
    expect(isFiltering(filter)).toBe(true);
    const asked = question(filter, undefined, NOW);
    expect(asked.plans).toEqual(['a', 'b']);
    expect(asked.statuses).toEqual(['failed']);
    expect(asked.since).toBe('2026-11-20T06:42:00.000Z');
  });

  it('look at a week, and at all time only where that is chosen', () => {
    expect(question({}, undefined, NOW).since).toBe('2026-11-14T06:42:00.000Z');
    expect(question({ time: 'ever' }, undefined, NOW).since).toBeUndefined();
    expect(isFiltering({ time: 'ever' })).toBe(false);
  });

  it('look from one day to another, both whole, and begin with the week that was shown', () => {
    const filter = filterOf(new URLSearchParams('time=days&from=2026-11-02&until=2026-11-03'));
    const day = (n: number) => new Date(2026, 10, n).toISOString();
    expect(question(filter, undefined, NOW)).toMatchObject({ since: day(2), until: day(4) });
    expect([isFiltering(filter), chosen(filter)]).toEqual([false, 1]);
    expect(chosen({ ...filter, plan: 'a', q: 'b' })).toBe(2);
    const open = question({ time: 'days' }, undefined, NOW);
    expect([open.since, open.until]).toEqual([undefined, undefined]);
    expect(question({ ...filter, flow: 'f' }, undefined, NOW).since).toBeUndefined();
    const { from, until } = spanned('days', NOW);
    expect([from, until]).toEqual(['2026-11-14', undefined]);
    expect(spanned('month', NOW)).toEqual({ time: 'month', from: undefined, until: undefined });
  });
});

describe('an export', () => {
  it('keeps commas, quotes and formulas as texts', () => {
    const odd = one('1', 'a', 'backup', 'failed', 0);
    odd.message = '=1+1, "quoted"';
    expect(csv([odd])).toContain(`"'=1+1, ""quoted"""`);
  });

  it('has the names of the documents, and numbers', () => {
    const with_stats = one('1', 'a', 'backup', 'succeeded', 0);
    with_stats.stats = create(OperationSchema, { stats: { bytesAdded: 5n } }).stats;
    const [document] = JSON.parse(json([with_stats])) as Record<string, unknown>[];
    expect(document?.started_at).toBe(with_stats.startedAt);
    expect((document?.stats as Record<string, number>).bytes_added).toBe(5);
  });
});

describe('an explanation', () => {
  const here = { name: 'nas', param: 'nas', here: true, mayRun: true, cancels: 'all' as const };

  it('offers to unlock where a lock was the cause, and only on this machine', () => {
    const failed = one('1', 'a', 'backup', 'failed', 0);
    failed.message = 'the repo vault is locked by process 7 on pi';
    expect(again(failed, here)).toBe('unlock');
    expect(again(failed, { ...here, here: false })).toBe('backup');
    expect(again(failed, { ...here, here: false, mayRun: false })).toBe('none');
    failed.message = 'it was blocked';
    expect(again(failed, here)).toBe('backup');
  });

  it('says that nothing was saved', () => {
    expect(happened(one('1', 'a', 'backup', 'failed', 0), NOW)).toBe(
      'It failed. No snapshot was made. It took 10\u00a0s.',
    );
  });
});

it('what runs of everything is told apart from what runs of something', () => {
  const only = (query: string) => isOnlyRunning(filterOf(new URLSearchParams(query)));
  expect([only('state=running'), only('state=running&time=day')]).toEqual([true, true]);
  expect([only('state=running&plan=photos'), only('state=failed'), only('')]).toEqual([
    false,
    false,
    false,
  ]);
});
