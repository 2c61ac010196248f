// Follows FleetService.Watch: says within five seconds that nothing comes any more, comes back by
// itself with growing pauses, and goes on from the cursor it had. Knows nothing of tabs or of what
// the events mean.
import type { Event } from '$/gen/holdfast/api/v1/fleet_pb';

/** The daemon sends a beat every two seconds; two and a bit of them missed is a lost connection. */
export const SILENCE_MS = 4_500;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 15_000;

/** Where the connection stands. `since` and `retryAt` are milliseconds since the epoch. */
export type Link =
  { state: 'connecting' } | { state: 'up' } | { state: 'down'; since: number; retryAt: number };

export interface WatchingParts {
  open(cursor: string | undefined, signal: AbortSignal): AsyncIterable<Event>;
  event(event: Event): void;
  link(link: Link): void;
  now(): number;
}

export class Watching {
  #parts: WatchingParts;
  #cursor: string | undefined;
  #stopped = false;
  #attempt: AbortController | undefined;
  #wake: (() => void) | undefined;
  #lastHeard: number;
  #failures = 0;
  #quiet: ReturnType<typeof setTimeout> | undefined;
  #isDown = false;

  constructor(parts: WatchingParts, cursor?: string) {
    this.#parts = parts;
    this.#cursor = cursor;
    this.#lastHeard = parts.now();
  }

  /** Ends only after `stop`. */
  async run(): Promise<void> {
    this.#listenForSilence();
    while (!this.#stopped) {
      await this.#once();
      if (this.#stopped) return;
      this.#failures += 1;
      // The first cut is met by an immediate second try: a daemon that restarts is back by then.
      if (this.#failures > 1) await this.#pause();
    }
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#quiet);
    this.#attempt?.abort();
    this.#wake?.();
  }

  /** Tries at once instead of at the end of the pause. */
  retry(): void {
    this.#wake?.();
  }

  async #once(): Promise<void> {
    const attempt = new AbortController();
    this.#attempt = attempt;
    let watchdog = setTimeout(() => attempt.abort(), SILENCE_MS);
    try {
      for await (const event of this.#parts.open(this.#cursor, attempt.signal)) {
        clearTimeout(watchdog);
        watchdog = setTimeout(() => attempt.abort(), SILENCE_MS);
        this.#heard(event);
      }
    } catch {
      // However it ended, it is tried again; what went wrong is said by the calls of the page.
    } finally {
      clearTimeout(watchdog);
      attempt.abort();
    }
  }

  #heard(event: Event): void {
    this.#lastHeard = this.#parts.now();
    this.#failures = 0;
    this.#isDown = false;
    this.#listenForSilence();
    this.#cursor = event.cursor || this.#cursor;
    this.#parts.link({ state: 'up' });
    this.#parts.event(event);
  }

  /** Counts from the last event, however many tries there were since. */
  #listenForSilence(): void {
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => {
      // A pause that began before has said when it ends.
      if (!this.#isDown) this.#down(this.#parts.now());
    }, SILENCE_MS);
  }

  #down(retryAt: number): void {
    this.#isDown = true;
    this.#parts.link({ state: 'down', since: this.#lastHeard, retryAt });
  }

  async #pause(): Promise<void> {
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** (this.#failures - 2), LONGEST_PAUSE_MS);
    this.#down(this.#parts.now() + pause);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, pause);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }
}
