// A peer that is refused because two machines have its key.
import { readFileSync } from 'node:fs';
import { create } from '@bufbuild/protobuf';
import { expect, test, vi } from 'vitest';
import { keyOf } from '$/fixtures/home';
import { PeerSchema } from '$/gen/holdfast/api/v1/api_pb';
import { refusesClone } from '$/pages/peers/acting.svelte';
import LetIn from '$/pages/peers/LetIn.svelte';
import PeerTrouble from '$/pages/peers/PeerTrouble.svelte';
import { button, lastAsked, mounted, reads } from './mounted';

/** What the daemon says to do, here and at the other side. */
const here = /CLONE_HERE: &str = "([^"]+)"/.exec(
  readFileSync('../src/daemon/links/visit.rs', 'utf8'),
)?.[1];
const there = /Clone = "clone", Verdict::Refused, "([^"]+)"/.exec(
  readFileSync('../src/session/close.rs', 'utf8'),
)?.[1];

const peer = (more: object) =>
  create(PeerSchema, {
    instance: 'pi',
    keyId: keyOf('pi'),
    role: 'authorized-client',
    state: 'refused',
    reason: 'clone',
    remedy: here,
    ...more,
  });

test('it is told from other refusals, and from that of the other side', () => {
  expect(here).toContain('two machines');
  expect(there).toContain('two machines');
  expect(refusesClone(peer({}))).toBe(true);
  expect(refusesClone(peer({ remedy: there }))).toBe(false);
  expect(refusesClone(peer({ state: 'offline' }))).toBe(false);
  expect(refusesClone(peer({ reason: 'denied' }))).toBe(false);
});

test('it is let in rather than paired again', async () => {
  const ondialog = vi.fn();
  const cloned = await mounted('home', PeerTrouble, { peer: peer({}), alone: true, ondialog });
  expect(cloned.textContent).not.toContain('Pair again');
  button(cloned, 'Let this one in').click();
  expect(ondialog).toHaveBeenCalledWith('allow');

  const other = { peer: peer({ remedy: there }), alone: true, ondialog };
  const page = await mounted('home', PeerTrouble, other);
  expect(button(page, 'Pair again')).toBeDefined();
  expect(page.textContent).not.toContain('Let this one in');
});

test('who may not change peers sees it locked', async () => {
  const props = { peer: peer({}), alone: true, ondialog: () => {} };
  const page = await mounted('operator', PeerTrouble, props);
  await reads(page, 'Let this one in, needs the role admin');
});

test('it asks first, and says what follows', async () => {
  const ondone = vi.fn();
  const page = await mounted('home', LetIn, { peer: peer({}), onclose: () => {}, ondone });
  await reads(page, 'While both have this key, both are refused again.');
  expect(lastAsked('PeerService.allow')).toBeUndefined();
  button(page, 'Let pi in').click();
  await vi.waitFor(() => expect(ondone).toHaveBeenCalled());
  expect(lastAsked('PeerService.allow')).toMatchObject({ peer: keyOf('pi') });
});

test('a refusal is shown where it was asked', async () => {
  const page = await mounted('broken', LetIn, {
    peer: peer({}),
    onclose: () => {},
    ondone: () => {},
  });
  button(page, 'Let pi in').click();
  await reads(page, 'does not answer');
});
