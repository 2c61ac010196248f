// Pairing tokens: how long, where to, and in whose place.
import { create } from '@bufbuild/protobuf';
import { flushSync } from 'svelte';
import { expect, onTestFinished, test, vi } from 'vitest';
import { router } from '$/app/router.svelte';
import { PeerListSchema, PeerSchema, TokenSchema, type Peer } from '$/gen/holdfast/api/v1/api_pb';
import { nameOfKey } from '$/pages/peers/names';
import TokenForm from '$/pages/peers/TokenForm.svelte';
import TokenRows from '$/pages/peers/TokenRows.svelte';
import { ttlOf } from '$/pages/peers/ttl';
import { button, field, lastAsked, mounted, reads, type } from './mounted';

test.each([
  ['90', '60', '5400'],
  [' 36 ', '3600', '129600'],
  ['0', '60', undefined],
  ['', '60', undefined],
  ['1.5', '3600', undefined],
  ['100000', '60', undefined],
])('%j of %s s are %s s', (amount, unit, seconds) => expect(ttlOf(amount, unit)).toBe(seconds));

const known = create(PeerListSchema, {
  peers: [{ instance: 'attic', keyId: 'ed25519.A', label: 'loft' }],
  removed: [{ instance: 'old', keyId: 'ed25519.O' }],
});

test('a key is called as its peer is, or as it was', () => {
  expect(nameOfKey('ed25519.A', known)).toBe('loft');
  expect(nameOfKey('ed25519.O', known)).toBe('old');
  expect(nameOfKey('ed25519.unknown', known)).toBe('unknow…');
  expect(nameOfKey('ed25519.A', undefined)).toBe('A…');
});

test('a token says whose place it gives, beside what else it gives, and its id', async () => {
  const grants = [{ permission: 'read-operations', scopes: ['*'] }];
  const tokens = [
    { id: '0a0b0c0d', state: 'open', replaces: 'ed25519.A' },
    { id: '0a0b0c0e', state: 'open', replaces: 'ed25519.O', grants },
    { id: '0a0b0c0f', state: 'open', label: 'bare' },
  ].map((token) => create(TokenSchema, token));
  const page = await mounted('home', TokenRows, { tokens, known, onchange: () => {} });
  const [, first, second, third] = [...page.querySelectorAll('tr')];
  expect(first?.textContent).toContain('gives: all that loft has, whose place it takes;');
  expect(first?.textContent).toContain('0a0b0c0d');
  expect(second?.textContent).toContain('see all operations, and all that old has');
  expect(third?.textContent).toContain('gives: nothing;');
});

async function form(peers: Peer[] = []) {
  const oncreated = vi.fn();
  const props = { here: 'nas', peers, oncreated, onclose: () => {} };
  const page = await mounted('home', TokenForm, props);
  const act = button(page, 'Create token');
  const press = async () => {
    flushSync();
    act.click();
    await vi.waitFor(() => expect(oncreated).toHaveBeenCalled());
    return lastAsked('TokenService.create') as { ttlS?: bigint; urls: string[] };
  };
  return { page, act, press };
}

test('a token ends in a quarter of an hour, unless something else is said', async () => {
  const { press } = await form();
  expect(await press()).toMatchObject({ ttlS: 900n, urls: [] });
});

test('any length of time and several addresses', async () => {
  const { page, act, press } = await form();
  button(page, 'Other').click();
  flushSync();
  type(field(page, 'How long'), 'soon');
  flushSync();
  await reads(page, 'Write a whole number from 1 to 99999.');
  expect(act.disabled).toBe(true);
  type(field(page, 'How long'), '45');
  type(field(page, 'How they reach this machine'), 'https://nas.lan\n\n http://192.0.2.7:9898 \n');
  expect(await press()).toMatchObject({
    ttlS: 3_888_000n,
    urls: ['https://nas.lan', 'http://192.0.2.7:9898'],
  });
});

test('how many is written; nothing is not without a limit', async () => {
  const { page, act, press } = await form();
  type(field(page, 'How many machines'), '');
  flushSync();
  await reads(page, 'Write a whole number from 1 to 1000000');
  expect(act.disabled).toBe(true);
  type(field(page, 'How many machines'), '0');
  expect(await press()).toMatchObject({ maxUses: 0 });
});

test('whoever takes a place is one', async () => {
  const peers = [create(PeerSchema, { instance: 'attic', keyId: 'ed25519.A' })];
  router.set({ replaces: 'ed25519.A' });
  onTestFinished(() => router.set({ replaces: undefined }));
  const { page, press } = await form(peers);
  const { value, disabled } = field(page, 'How many machines');
  expect([value, disabled]).toEqual(['1', true]);
  expect(await press()).toMatchObject({ maxUses: 1, replaces: 'ed25519.A' });
});

test('what is no address is said before anything is asked', async () => {
  const { page, act } = await form();
  type(field(page, 'How they reach this machine'), 'https://nas.lan\nnas.example');
  flushSync();
  await reads(page, 'nas.example is no URL');
  act.click();
  flushSync();
  expect(lastAsked('TokenService.create')).toBeUndefined();
  const more = field(page, 'How they reach this machine').closest('details');
  expect(more?.open).toBe(true);
});
