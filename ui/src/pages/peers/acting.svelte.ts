// What can be asked about one peer, from its row and from its page: tests keep their last answer.
import { SvelteMap } from 'svelte/reactivity';
import { api, failure, type Failure } from '$/api';
import type { Peer, PeerTest, Verification } from '$/gen/holdfast/api/v1/api_pb';

export type PeerDialogKind = 'rename' | 'addresses' | 'paths' | 'remove';

export interface Asked<T> {
  busy: boolean;
  answer?: T;
  failure?: Failure;
  at?: string;
}

const tests = new SvelteMap<string, Asked<PeerTest>>();
const verifications = new SvelteMap<string, Asked<Verification>>();

async function ask<T>(into: SvelteMap<string, Asked<T>>, key: string, call: () => Promise<T>) {
  const before = into.get(key);
  if (before?.busy) return;
  into.set(key, { ...before, busy: true });
  const at = () => new Date().toISOString();
  try {
    into.set(key, { busy: false, answer: await call(), at: at() });
  } catch (thrown) {
    into.set(key, { busy: false, failure: failure(thrown), at: at() });
  }
}

export const acting = {
  testOf: (peer: Peer) => tests.get(peer.keyId),
  verificationOf: (peer: Peer) => verifications.get(peer.keyId),
  test: (peer: Peer) => ask(tests, peer.keyId, () => api.peers.test({ peer: peer.keyId })),
  verify: (peer: Peer) =>
    ask(verifications, peer.keyId, () => api.peers.verify({ peer: peer.keyId })),
  hideTest: (peer: Peer) => tests.delete(peer.keyId),
};
