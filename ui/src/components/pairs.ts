// What two machines share: one sends, the other takes. One half alone is nothing yet.
import type { Peer, Repo } from '$/gen/holdfast/api/v1/api_pb';
import { pairWords as words } from '$/messages/grants';
import { givesNothing, grantSentence, type Given } from './grants';

const TAKES = 'receive-shared-repos';
const SENDS = 'send-shared-repos';
/** The two that make a pair, which is told apart from other grants. */
export const PAIR = [TAKES, SENDS];

/** One direction. */
export interface Half {
  from: string;
  to: string;
  /** What is sent; undefined: nothing. */
  what: string | undefined;
  /** The other side takes what is sent. */
  taken: boolean;
  /** What is said where it does not. */
  missing: string;
}

/** From this machine to the peer, and from the peer to this machine. */
export function pairs(peer: Peer, repos: Repo[], name: string, here: string): [Half, Half] {
  const ours = sent(peer.grants, repos);
  return [
    half({ from: here, to: name, missing: words.notTaken }, ours, peer.grantsReceived),
    half({ from: name, to: here, missing: words.notTakenHere }, peer.grantsReceived, peer.grants),
  ];
}

/** Ours: what is named and not shared is not sent. */
function sent(grants: Given[], repos: Repo[]): Given[] {
  const kept = repos.filter((one) => !one.shared && !one.origin).map(({ id }) => `repo:${id}`);
  return grants
    .map(({ permission, scopes }) => ({
      permission,
      scopes: scopes.filter((scope) => !kept.includes(scope)),
    }))
    .filter((grant) => !givesNothing(grant));
}

function half(ends: Pick<Half, 'from' | 'to' | 'missing'>, sender: Given[], taker: Given[]): Half {
  const gives = sender.find(({ permission }) => permission === TAKES);
  return {
    ...ends,
    what: gives && grantSentence(gives).replace(/^take /, ''),
    taken: taker.some(({ permission }) => permission === SENDS),
  };
}
