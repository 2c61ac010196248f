import { create } from '@bufbuild/protobuf';
import { Code, ConnectError, createRouterTransport } from '@connectrpc/connect';
import { flushSync } from 'svelte';
import { expect, test, vi } from 'vitest';
import { api, failure } from '$/api';
import { daemon, useTransport, whenLoginIsNeeded } from '$/api/transport';
import { ErrorSchema, PeerService } from '$/gen/holdfast/api/v1/api_pb';
import { EventSchema, FleetService } from '$/gen/holdfast/api/v1/fleet_pb';
import { live, Resource } from '$/live';

function refusal(code: Code, word: string): ConnectError {
  const detail = {
    desc: ErrorSchema,
    value: create(ErrorSchema, {
      code: word,
      message: 'no peer `pi`',
      remedy: 'see holdfast peer list',
    }),
  };
  return new ConnectError('no peer', code, undefined, [detail]);
}

test('a refused call says what happened and what to do, whatever brought it', async () => {
  useTransport(
    createRouterTransport(({ service }) => {
      service(PeerService, {
        show: () => {
          throw refusal(Code.NotFound, 'not-found');
        },
      });
    }),
  );
  const known = failure(await api.peers.show({ peer: 'pi' }).catch((thrown: unknown) => thrown));
  expect(known).toMatchObject({
    kind: 'refused',
    code: 'not-found',
    message: 'No peer `pi`.',
    remedy: 'See holdfast peer list.',
  });
  expect(
    failure(
      new ConnectError('fetch failed', Code.Unknown, undefined, undefined, new TypeError('fetch')),
    ),
  ).toMatchObject({
    kind: 'unreachable',
    message: 'The daemon did not answer.',
  });
  expect(failure(new ConnectError('who are you', Code.Unauthenticated)).kind).toBe('login');
});

test('the login is asked for where a call needs one', async () => {
  const asked = vi.fn();
  whenLoginIsNeeded(asked);
  vi.stubGlobal('fetch', async () => {
    return new Response(null, {
      status: 200,
      headers: { 'content-type': 'application/grpc-web+proto', 'grpc-status': '16' },
    });
  });
  useTransport(daemon);
  await expect(api.peers.list({})).rejects.toThrow();
  expect(asked).toHaveBeenCalledOnce();
  vi.unstubAllGlobals();
});

test('a resource keeps what it knew when a question fails, and is fresh after the next', async () => {
  let answer: string | Error = 'first';
  const resource = new Resource({
    key: 'test-keeps',
    changed: ['peers'],
    read: async () => {
      if (answer instanceof Error) throw answer;
      return answer;
    },
  });
  await vi.waitFor(() => expect(resource.data).toBe('first'));
  answer = new ConnectError('broken', Code.Internal);
  await resource.refresh();
  expect([resource.data, resource.failure?.message]).toEqual(['first', 'Broken.']);
  answer = 'second';
  await resource.refresh();
  expect([resource.data, resource.failure]).toEqual(['second', undefined]);
  resource.close();

  const again = new Resource({
    key: 'test-keeps',
    changed: [],
    read: () => new Promise<string>(() => {}),
  });
  expect(again.data).toBe('second');
  again.close();
});

test('many changes are one question, and other changes are none', async () => {
  let ask = 0;
  let send: (changed: string[]) => void = () => {};
  useTransport(
    createRouterTransport(({ service }) => {
      service(FleetService, {
        async *watch(_, { signal }) {
          yield create(EventSchema, { cursor: '1' });
          while (!signal.aborted) {
            const changed = await new Promise<string[]>((told) => (send = told));
            yield create(EventSchema, { cursor: '2', changed });
          }
        },
      });
    }),
  );
  live.start();
  await vi.waitFor(() => expect(live.link.state).toBe('up'));
  const resource = new Resource({
    key: 'test-many',
    changed: ['peers'],
    read: async () => (ask += 1),
  });
  await vi.waitFor(() => expect(resource.data).toBe(1));
  for (const changed of [['peers'], ['peers', 'plans'], ['tokens']]) {
    send(changed);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await vi.waitFor(() => expect(resource.data).toBe(2));
  await resource.refresh();
  flushSync();
  expect(ask).toBe(3);
  resource.close();
  live.stop();
});
