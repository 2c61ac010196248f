import { create } from '@bufbuild/protobuf';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { EventSchema, type Event } from '$/gen/holdfast/api/v1/fleet_pb';
import { SILENCE_MS, Watching, type Link } from '$/live/watching';

/** A daemon whose answers the test gives, one stream after another. */
class Daemon {
  opened: (string | undefined)[] = [];
  links: Link[] = [];
  events: string[] = [];
  script: ('refuse' | 'hang' | string[])[] = [];

  watching(cursor?: string): Watching {
    return new Watching(
      {
        open: (from, signal) => this.#stream(from, signal),
        event: (event) => this.events.push(event.cursor),
        link: (link) => this.links.push(link),
        now: Date.now,
      },
      cursor,
    );
  }

  async *#stream(from: string | undefined, signal: AbortSignal): AsyncIterable<Event> {
    this.opened.push(from);
    const next = this.script.shift() ?? 'refuse';
    if (next === 'refuse') throw new TypeError('nothing listens');
    for (const cursor of next === 'hang' ? [] : next) yield create(EventSchema, { cursor });
    await new Promise((_, gone) => signal.addEventListener('abort', () => gone(new Error('cut'))));
  }

  get last(): Link | undefined {
    return this.links.at(-1);
  }
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('a silent daemon is said to be gone within five seconds, however many tries there are', async () => {
  const daemon = new Daemon();
  daemon.script = [['1'], 'hang', 'hang'];
  const watching = daemon.watching();
  void watching.run();
  await vi.advanceTimersByTimeAsync(0);
  expect(daemon.last).toEqual({ state: 'up' });
  const heard = Date.now();
  await vi.advanceTimersByTimeAsync(5_000);
  expect(daemon.last).toEqual({ state: 'down', since: heard, retryAt: heard + SILENCE_MS });
  watching.stop();
});

test('a cut is followed by a try at once, then by longer and longer pauses', async () => {
  const daemon = new Daemon();
  daemon.script = [['1']];
  const watching = daemon.watching();
  void watching.run();
  await vi.advanceTimersByTimeAsync(SILENCE_MS);
  expect(daemon.opened).toHaveLength(2);
  for (const [pause, tries] of [
    [1_000, 3],
    [2_000, 4],
    [4_000, 5],
    [8_000, 6],
    [15_000, 7],
    [15_000, 8],
  ] as const) {
    await vi.advanceTimersByTimeAsync(pause - 1);
    expect(daemon.opened).toHaveLength(tries - 1);
    await vi.advanceTimersByTimeAsync(1);
    expect(daemon.opened).toHaveLength(tries);
  }
  watching.stop();
});

test('it comes back by itself and goes on from the last cursor', async () => {
  const daemon = new Daemon();
  daemon.script = [['1', '2'], 'refuse', ['3']];
  const watching = daemon.watching();
  void watching.run();
  await vi.advanceTimersByTimeAsync(SILENCE_MS + 1_000);
  expect(daemon.opened).toEqual([undefined, '2', '2']);
  expect(daemon.events).toEqual(['1', '2', '3']);
  expect(daemon.last).toEqual({ state: 'up' });
  watching.stop();
});

test('retry ends the pause', async () => {
  const daemon = new Daemon();
  const watching = daemon.watching('7');
  void watching.run();
  await vi.advanceTimersByTimeAsync(0);
  daemon.script = [['8']];
  watching.retry();
  await vi.advanceTimersByTimeAsync(0);
  expect(daemon.opened).toEqual(['7', '7', '7']);
  expect(daemon.last).toEqual({ state: 'up' });
  watching.stop();
});

test('nothing is tried after stop', async () => {
  const daemon = new Daemon();
  const watching = daemon.watching();
  const run = watching.run();
  await vi.advanceTimersByTimeAsync(0);
  watching.stop();
  await run;
  const tries = daemon.opened.length;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(daemon.opened).toHaveLength(tries);
});
