// One Watch stream per browser. The tab that holds the lock follows it and tells the others; when it
// closes, another takes the lock and goes on from the last cursor. Where the browser has no locks
// (plain HTTP from another machine) every tab follows by itself.
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { EventSchema, type Event } from '$/gen/holdfast/api/v1/fleet_pb';
import { Watching, type Link, type WatchingParts } from './watching';

const NAME = 'holdfast-watch';
/**
 * A follower that hears this long nothing of the leader says so: after the leader's own limit, and with
 * the pause between two looks still within five seconds.
 */
const FOLLOWER_SILENCE_MS = 4_700;
const LOOK_MS = 250;

type Told =
  | { kind: 'event'; bytes: Uint8Array }
  | { kind: 'link'; link: Link }
  | { kind: 'hello' }
  | { kind: 'retry' };

export interface SharedParts {
  open: WatchingParts['open'];
  event(event: Event): void;
  link(link: Link): void;
}

/** What the tab can do about the stream. */
export interface Shared {
  retry(): void;
  stop(): void;
}

export function share(parts: SharedParts): Shared {
  if (!globalThis.navigator?.locks || !globalThis.BroadcastChannel) return alone(parts);
  return new Tab(parts);
}

function alone(parts: SharedParts): Shared {
  const watching = new Watching({ ...parts, now: Date.now });
  void watching.run();
  return watching;
}

class Tab implements Shared {
  #parts: SharedParts;
  #channel = new BroadcastChannel(NAME);
  #closing = new AbortController();
  #leading: Watching | undefined;
  #link: Link = { state: 'connecting' };
  #cursor: string | undefined;
  #heard = Date.now();
  #watchdog: ReturnType<typeof setInterval>;

  constructor(parts: SharedParts) {
    this.#parts = parts;
    this.#channel.onmessage = (message: MessageEvent<Told>) => this.#told(message.data);
    this.#tell({ kind: 'hello' });
    this.#watchdog = setInterval(() => this.#checkLeader(), LOOK_MS);
    const { signal } = this.#closing;
    navigator.locks.request(NAME, { signal }, () => this.#lead()).catch(() => {});
  }

  retry(): void {
    if (this.#leading) this.#leading.retry();
    else this.#tell({ kind: 'retry' });
  }

  stop(): void {
    clearInterval(this.#watchdog);
    this.#closing.abort();
    this.#leading?.stop();
    this.#channel.close();
  }

  #lead(): Promise<void> {
    const shared: WatchingParts = {
      open: this.#parts.open,
      now: Date.now,
      event: (event) => {
        this.#parts.event(event);
        this.#tell({ kind: 'event', bytes: toBinary(EventSchema, event) });
      },
      link: (link) => {
        this.#setLink(link);
        if (link.state !== 'up') this.#tell({ kind: 'link', link });
      },
    };
    this.#leading = new Watching(shared, this.#cursor);
    return this.#leading.run();
  }

  #told(told: Told): void {
    if (this.#leading) return this.#asked(told);
    this.#heard = Date.now();
    if (told.kind === 'link') this.#setLink(told.link);
    if (told.kind !== 'event') return;
    const event = fromBinary(EventSchema, told.bytes);
    this.#cursor = event.cursor || this.#cursor;
    this.#setLink({ state: 'up' });
    this.#parts.event(event);
  }

  #asked(told: Told): void {
    if (told.kind === 'hello' && this.#link.state !== 'connecting')
      this.#tell({ kind: 'link', link: this.#link });
    if (told.kind === 'retry') this.#leading?.retry();
  }

  #checkLeader(): void {
    const silent = Date.now() - this.#heard;
    if (this.#leading || this.#link.state !== 'up' || silent < FOLLOWER_SILENCE_MS) return;
    this.#setLink({ state: 'down', since: this.#heard, retryAt: Date.now() });
  }

  #setLink(link: Link): void {
    this.#link = link;
    this.#parts.link(link);
  }

  #tell(told: Told): void {
    this.#channel.postMessage(told);
  }
}
