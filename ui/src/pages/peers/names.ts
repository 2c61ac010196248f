// How peers are called, found and summed up.
import { peerLook } from '$/components/states';
import { age, secondsBetween } from '$/format';
import type { Peer, PeerList } from '$/gen/holdfast/api/v1/api_pb';
import { peerWords } from './words';

/** Our label of it, else what it calls itself. */
export function peerName(peer: Peer): string {
  return peer.label || peer.instance;
}

/** `J2QYLQ…`: what tells keys apart, after what they all begin with. */
export function keyStart(keyId: string): string {
  return `${(keyId.split('.').pop() ?? keyId).slice(0, 6)}…`;
}

/** Who has or had a key: a peer, one that was removed, else what tells the key apart. */
export function nameOfKey(
  keyId: string,
  list: Pick<PeerList, 'peers' | 'removed'> | undefined,
): string {
  const peer = list?.peers.find((one) => one.keyId === keyId);
  if (peer) return peerName(peer);
  const removed = list?.removed.find((one) => one.keyId === keyId);
  return removed?.instance || keyStart(keyId);
}

/** The peer of an address: by name, or by key where two have the same. */
export function peerOf(param: string, peers: Peer[]): Peer | undefined {
  return (
    peers.find(({ instance }) => instance === param) ?? peers.find(({ keyId }) => keyId === param)
  );
}

export function peerParam(peer: Peer, peers: Peer[]): string {
  const twice = peers.some((other) => other.instance === peer.instance && other !== peer);
  return twice ? peer.keyId : peer.instance;
}

/** `5 of 7 are connected. attic is refused; cabin has been offline for 2 d 4 h.` */
export function summary(peers: Peer[], now: number): string {
  const [only, another] = peers;
  if (only && !another) return peerWords.one(peerLook(only.state).word.toLowerCase());
  const connected = peers.filter(({ state }) => state === 'connected').length;
  const refused = peers.filter(({ state }) => state === 'refused').map(peerName);
  const offline = peers.filter(({ state }) => state === 'offline');
  const more: string[] = [];
  if (refused.length > 0) more.push(peerWords.refused(refused));
  const [first] = offline;
  if (offline.length === 1 && first) {
    const since = first.since ?? first.lastHeard;
    more.push(
      since
        ? peerWords.offline(peerName(first), age(secondsBetween(since, now)))
        : peerWords.offlineMany(1),
    );
  } else if (offline.length > 1) more.push(peerWords.offlineMany(offline.length));
  const start = peerWords.connected(connected, peers.length);
  return more.length > 0 ? `${start} ${more.join('; ')}.` : start;
}

export function lines(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
}
