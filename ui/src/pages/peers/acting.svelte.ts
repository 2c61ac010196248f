// What can be asked about one peer, from its row and from its page: tests keep their last answer.
import { SvelteMap } from 'svelte/reactivity';
import { api, failure, type Failure } from '$/api';
import type { Peer, PeerTest, Verification } from '$/gen/holdfast/api/v1/api_pb';

export type PeerDialogKind = 'rename' | 'addresses' | 'paths' | 'allow' | 'remove';

export interface Asked<T> {
  busy: boolean;
  answer?: T;
  failure?: Failure;
  at?: string;
  /** Since when the peer was in its state as it was asked. */
  since?: string;
}

const tests = new SvelteMap<string, Asked<PeerTest>>();
const verifications = new SvelteMap<string, Asked<Verification>>();

async function ask<T>(into: SvelteMap<string, Asked<T>>, peer: Peer, call: () => Promise<T>) {
  const { keyId: key, since } = peer;
  const before = into.get(key);
  if (before?.busy) return;
  into.set(key, { ...before, busy: true, since });
  const at = () => new Date().toISOString();
  try {
    into.set(key, { busy: false, answer: await call(), at: at(), since });
  } catch (thrown) {
    into.set(key, { busy: false, failure: failure(thrown), at: at(), since });
  }
}

const TROUBLED = ['refused', 'incompatible', 'offline'];

/** Also one whose link stands and that has the name of somebody else. */
export function isTroubled({ state, reason }: Peer): boolean {
  return TROUBLED.includes(state) || (state === 'connected' && reason !== undefined);
}

/**
 * Two machines have its key, and this one refuses both. The reason is the same where the other side
 * refuses: only the remedy says where it is lifted.
 */
export function refusesClone({ state, reason, remedy }: Peer): boolean {
  return (
    state === 'refused' && reason === 'clone' && !!remedy?.includes('`holdfast peer allow` here')
  );
}

/** A test from before the trouble says nothing of it. */
function testOf(peer: Peer): Asked<PeerTest> | undefined {
  const asked = tests.get(peer.keyId);
  return isTroubled(peer) && asked?.since !== peer.since ? undefined : asked;
}

export const acting = {
  testOf,
  verificationOf: (peer: Peer) => verifications.get(peer.keyId),
  test: (peer: Peer) => ask(tests, peer, () => api.peers.test({ peer: peer.keyId })),
  verify: (peer: Peer) => ask(verifications, peer, () => api.peers.verify({ peer: peer.keyId })),
  hideTest: (peer: Peer) => tests.delete(peer.keyId),
};
