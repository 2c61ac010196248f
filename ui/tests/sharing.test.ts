// Sharing a repo: who may take it already, and whom it can be given.
import { create } from '@bufbuild/protobuf';
import { createRouterTransport } from '@connectrpc/connect';
import { mount, tick, unmount } from 'svelte';
import { afterEach, beforeAll, expect, test, vi } from 'vitest';
import { daemon, useTransport } from '$/api/transport';
import {
  PeerSchema,
  PeerService,
  RepoSchema,
  RepoService,
  type Peer,
} from '$/gen/holdfast/api/v1/api_pb';
import ShareDialog from '$/pages/repo/ShareDialog.svelte';
import { takeGrant, takingOf } from '$/pages/repo/taking';

const peer = (instance: string, scopes?: string[], declared = false) =>
  create(PeerSchema, {
    instance,
    keyId: `ed25519.${instance}`,
    declared,
    grants: scopes ? [{ permission: 'receive-shared-repos', scopes }] : [],
  });

test('who may take it already is known by the grant', () => {
  expect(takingOf(peer('a'), 'vault')).toBe('not');
  expect(takingOf(peer('a', ['repo:other']), 'vault')).toBe('not');
  expect(takingOf(peer('a', ['*']), 'vault')).toBe('may');
  expect(takingOf(peer('a', ['repo:vault'], true), 'vault')).toBe('may');
  expect(takingOf(peer('a', ['*', '!repo:vault']), 'vault')).toBe('excluded');
  expect(takingOf(peer('a', undefined, true), 'vault')).toBe('declared');
});

beforeAll(() => {
  // happy-dom has no modal dialogs.
  HTMLDialogElement.prototype.showModal ??= function (this: HTMLDialogElement) {
    this.open = true;
  };
});
afterEach(() => {
  useTransport(daemon);
  document.body.innerHTML = '';
});

test('what is granted beside it fails alone: the share stays, and the rest is tried again', async () => {
  const peers: Peer[] = [peer('desktop', ['*']), peer('laptop'), peer('pi')];
  const asked: string[] = [];
  let broken = 'ed25519.laptop';
  useTransport(
    createRouterTransport((router) => {
      router.service(RepoService, {
        share: ({ repo, memberUri }) => {
          asked.push(`share ${repo} ${memberUri}`);
          return {};
        },
      });
      router.service(PeerService, {
        list: () => ({ peers }),
        grant: ({ peer, grants }) => {
          expect(grants).toMatchObject([takeGrant('vault')]);
          asked.push(`grant ${peer}`);
          if (peer === broken) throw new Error('the disk is full');
          return {};
        },
      });
    }),
  );
  const closed = vi.fn();
  const repo = create(RepoSchema, { id: 'vault', uri: 'rest:https://vault.example' });
  const shown = mount(ShareDialog, { target: document.body, props: { repo, onclose: closed } });
  const boxes = () => [...document.querySelectorAll<HTMLInputElement>('input[type=checkbox]')];
  await vi.waitFor(() => expect(boxes()).toHaveLength(3));
  expect(boxes().map(({ checked, disabled }) => [checked, disabled])).toEqual([
    [true, true],
    [false, false],
    [false, false],
  ]);
  const [, laptop, pi] = boxes();
  laptop?.click();
  pi?.click();
  const uri = document.querySelector<HTMLInputElement>('input.in');
  if (uri) {
    uri.value = 'rest:https://members.example';
    uri.dispatchEvent(new Event('input', { bubbles: true }));
  }
  await tick();
  const press = () =>
    document.querySelector('form')?.dispatchEvent(new SubmitEvent('submit', { cancelable: true }));
  press();
  await vi.waitFor(() => expect(document.querySelector('[role=alert]')).toBeTruthy());
  expect(document.querySelector('[role=alert]')?.textContent).toMatch(
    /^\s*vault is shared, but laptop may not take it yet\./,
  );
  expect(closed).not.toHaveBeenCalled();
  const share = 'share vault rest:https://members.example';
  expect(asked).toEqual([share, 'grant ed25519.laptop', 'grant ed25519.pi']);

  broken = '';
  press();
  await vi.waitFor(() => expect(closed).toHaveBeenCalled());
  expect(asked.slice(3)).toEqual([share, 'grant ed25519.laptop']);
  await unmount(shown);
});
