// An open row of an operation that waits: who can cancel it, and what that says and asks.
import { create } from '@bufbuild/protobuf';
import { createRouterTransport } from '@connectrpc/connect';
import { flushSync, mount, unmount } from 'svelte';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { useTransport } from '$/api/transport';
import { OperationSchema, OperationService } from '$/gen/holdfast/api/v1/api_pb';
import { WhoAmISchema } from '$/gen/holdfast/api/v1/session_pb';
import { who } from '$/live';
import DetailActs from '$/pages/operations/DetailActs.svelte';
import type { Whose } from '$/pages/operations/names';

const waiting = create(OperationSchema, {
  id: 'op-1',
  kind: 'backup',
  status: 'pending',
  plan: 'documents',
  repo: 'vault',
  startedAt: '2026-11-21T06:00:00.000Z',
});
const nas: Whose = { name: 'nas', param: 'nas', here: true, mayRun: true, cancels: 'all' };

let drawn: Record<string, unknown> | undefined;
function draw(role: string, whose: Whose = nas, operation = waiting) {
  who.is(create(WhoAmISchema, { role, usersExist: true }));
  const props = { operation, whose, advice: undefined, onremoved: () => {} };
  drawn = mount(DetailActs, { target: document.body, props });
  flushSync();
}
afterEach(() => {
  if (drawn) void unmount(drawn);
  document.body.replaceChildren();
});

const button = (word: string) =>
  [...document.querySelectorAll('button')].find((one) => one.textContent.includes(word));

describe('an operation that waits', () => {
  it('is cancelled where somebody agrees to that', async () => {
    const cancelled: string[] = [];
    useTransport(
      createRouterTransport((router) => {
        router.rpc(OperationService.method.cancel, ({ operation }) => {
          cancelled.push(operation);
          return waiting;
        });
      }),
    );
    draw('operator');
    button('Cancel')?.click();
    flushSync();
    const dialog = document.querySelector('dialog');
    expect(dialog?.textContent).toContain('Cancel backup of nas / documents?');
    expect(dialog?.textContent).toContain('It has not begun');
    button('Cancel backup')?.click();
    await vi.waitFor(() => expect(cancelled).toEqual(['op-1']));
    await vi.waitFor(() => expect(document.querySelector('dialog')).toBeNull());
  });

  it('is locked for a viewer, and not offered where it cannot be sent', () => {
    draw('viewer');
    expect(button('Cancel')?.getAttribute('aria-disabled')).toBe('true');
    void unmount(drawn!);
    drawn = undefined;
    draw('admin', { ...nas, here: false, cancels: 'none' });
    expect(button('Cancel')).toBeUndefined();
  });

  it('is not cancelled any more once it has ended', () => {
    draw('admin', nas, { ...waiting, status: 'skipped' });
    expect(button('Cancel')).toBeUndefined();
  });
});
