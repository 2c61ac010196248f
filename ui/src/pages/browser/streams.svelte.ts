// Answers that come piece by piece: drawn a few times a second, stopped when nobody looks any more.
import { failure, type Failure } from '$/api';
import { paced } from '$/api/paced';

const DRAW_EVERY_MS = 200;

export class Stream<T> {
  items = $state.raw<T[]>([]);
  done = $state(false);
  failure = $state.raw<Failure>();
  #closing = new AbortController();

  constructor(open: (signal: AbortSignal) => AsyncIterable<T>, most = 100_000) {
    void this.#run(open, most);
  }

  /** What came so far stays. */
  stop(): void {
    this.done = true;
    this.#closing.abort();
  }

  async #run(open: (signal: AbortSignal) => AsyncIterable<T>, most: number): Promise<void> {
    const all: T[] = [];
    let drawn = 0;
    try {
      for await (const item of paced(open(this.#closing.signal))) {
        all.push(item);
        if (all.length >= most) break;
        if (Date.now() - drawn < DRAW_EVERY_MS) continue;
        drawn = Date.now();
        this.items = all.slice();
      }
    } catch (thrown) {
      if (!this.#closing.signal.aborted) this.failure = failure(thrown);
    } finally {
      this.items = all;
      this.done = true;
    }
  }
}
