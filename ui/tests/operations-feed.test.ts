import { create } from '@bufbuild/protobuf';
import { createRouterTransport } from '@connectrpc/connect';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { useTransport } from '../src/api/transport';
import {
  OperationPageSchema,
  OperationSchema,
  OperationService,
} from '../src/gen/holdfast/api/v1/api_pb';
import { EventSchema, FleetService } from '../src/gen/holdfast/api/v1/fleet_pb';
import { live } from '../src/live/live.svelte';
import { forgetLastKnown } from '../src/live/resource.svelte';
import { Feed } from '../src/pages/operations/feed.svelte';

function one(id: string, revision = 1, status = 'pending') {
  const startedAt = `2026-11-21T06:0${id}:00.000Z`;
  return create(OperationSchema, { id, flow: id, origin: 'key', revision, status, startedAt });
}

/** A daemon that has one operation, and after a moment another and a new revision of the first. */
function daemon() {
  useTransport(
    createRouterTransport((router) => {
      router.rpc(OperationService.method.page, ({ after }) =>
        create(OperationPageSchema, {
          operations: after === undefined ? [one('1')] : after === 'k1' ? [one('2')] : [],
          newer: after === undefined ? 'k1' : 'k2',
        }),
      );
      router.rpc(FleetService.method.watch, async function* () {
        await new Promise((resolve) => setTimeout(resolve, 50));
        yield create(EventSchema, { cursor: '1', operation: one('2') });
        yield create(EventSchema, { cursor: '2', operation: one('1', 2, 'succeeded') });
        await new Promise((resolve) => setTimeout(resolve, 3_000));
      });
    }),
  );
  live.start();
}

afterEach(() => {
  live.stop();
  forgetLastKnown();
});

describe('the feed of operations', () => {
  it('keeps new ones apart where somebody reads, and changes known ones in place', async () => {
    daemon();
    const feed = new Feed(
      'everything',
      () => ({}),
      () => false,
    );
    await vi.waitFor(() => expect(feed.waiting.map(({ id }) => id)).toEqual(['2']), 2_000);
    expect(feed.operations.map(({ id, status }) => [id, status])).toEqual([['1', 'succeeded']]);
    feed.show();
    expect(feed.operations.map(({ id }) => id)).toEqual(['2', '1']);
    expect(feed.waiting).toEqual([]);
    feed.close();
  });

  it('shows new ones at once where nobody is disturbed', async () => {
    daemon();
    const feed = new Feed(
      'everything',
      () => ({}),
      () => true,
    );
    await vi.waitFor(() => expect(feed.operations).toHaveLength(2), 2_000);
    feed.close();
  });

  it('asks anew for what came and what ended before anybody followed', async () => {
    const pages = [[one('1')], [one('2'), one('1', 2, 'succeeded')]];
    useTransport(
      createRouterTransport((router) => {
        router.rpc(OperationService.method.page, () =>
          create(OperationPageSchema, { operations: pages.shift(), newer: 'k' }),
        );
        router.rpc(FleetService.method.watch, async function* () {
          await new Promise((resolve) => setTimeout(resolve, 50));
          yield create(EventSchema, { cursor: '2', changed: ['plans'] });
          await new Promise((resolve) => setTimeout(resolve, 3_000));
        });
      }),
    );
    live.start();
    const feed = new Feed(
      'everything',
      () => ({}),
      () => true,
    );
    const shown = () => feed.operations.map(({ id, status }) => [id, status]);
    await vi.waitFor(
      () =>
        expect(shown()).toEqual([
          ['2', 'pending'],
          ['1', 'succeeded'],
        ]),
      2_000,
    );
    feed.close();
  });

  it('shows at once what was there, and draws nothing again that is as it was', async () => {
    daemon();
    const nobody = () =>
      new Feed(
        'everything',
        () => ({}),
        () => false,
      );
    const first = nobody();
    expect(first.asked).toBe(false);
    await vi.waitFor(() => expect(first.asked).toBe(true));
    first.close();
    const again = nobody();
    const [before] = again.operations;
    expect(before?.id).toBe('1');
    await again.load();
    expect(again.operations[0]).toBe(before);
    again.close();
  });
});
