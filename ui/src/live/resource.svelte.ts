// Data of the daemon on a page: the last known at once, asked again when something it shows changed.
import { onDestroy } from 'svelte';
import { failure, type Failure } from '$/api';
import { live, type Changed } from './live.svelte';

/** Many changes in a row are one question. */
const TOGETHER_MS = 300;
/** A skeleton is drawn only where the answer takes longer. */
const SKELETON_AFTER_MS = 150;
const KEPT = 40;

const lastKnown = new Map<string, { data: unknown; at: number }>();

/** What was answered last under this name: drawn at once, while it is asked anew. */
export function known<T>(key: string): { data: T; at: number } | undefined {
  return lastKnown.get(key) as { data: T; at: number } | undefined;
}

/** Keeps the latest answers; the one that was given longest ago goes first. */
export function keep(key: string, data: unknown, at = Date.now()): void {
  lastKnown.delete(key);
  lastKnown.set(key, { data, at });
  const oldest = lastKnown.keys().next().value;
  if (lastKnown.size > KEPT && oldest !== undefined) lastKnown.delete(oldest);
}

/** After logging out nothing of what was seen stays. */
export function forgetLastKnown(): void {
  lastKnown.clear();
}

export interface ResourceOptions<T> {
  /** Under which the last known data is kept; include every parameter of the question. */
  key: string;
  read(signal: AbortSignal): Promise<T>;
  /** What makes the data old. Losing the connection for a while always does. */
  changed: Changed[];
}

export class Resource<T> {
  /** The last known data; undefined until there was a first answer. */
  data = $state.raw<T>();
  /** When the data was answered, by this browser's clock. */
  at = $state<number>();
  /** Why the last question has no answer. The data before it stays. */
  failure = $state.raw<Failure>();
  /** True once a first answer takes long enough to draw a skeleton. */
  slow = $state(false);

  #options: ResourceOptions<T>;
  #asking: AbortController | undefined;
  #again = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #unlisten: () => void;

  constructor(options: ResourceOptions<T>) {
    this.#options = options;
    const before = known<T>(options.key);
    if (before) {
      this.data = before.data;
      this.at = before.at;
    }
    this.#unlisten = live.onChange((changed) => {
      if (changed.some((word) => word === 'all' || options.changed.includes(word))) this.#soon();
    });
    void this.refresh();
  }

  /** Asks now. One question is under way at a time: a second one follows it. */
  async refresh(): Promise<void> {
    if (this.#asking) {
      this.#again = true;
      return;
    }
    const asking = new AbortController();
    this.#asking = asking;
    const skeleton = setTimeout(() => (this.slow = this.data === undefined), SKELETON_AFTER_MS);
    try {
      this.set(await this.#options.read(asking.signal));
    } catch (thrown) {
      if (!asking.signal.aborted) this.failure = failure(thrown);
    } finally {
      clearTimeout(skeleton);
      this.slow = false;
      this.#asking = undefined;
    }
    if (this.#again) {
      this.#again = false;
      this.#soon();
    }
  }

  /** Takes data that another call answered with, such as the changed thing itself. */
  set(data: T): void {
    this.data = data;
    this.at = Date.now();
    this.failure = undefined;
    keep(this.#options.key, data, this.at);
  }

  close(): void {
    this.#unlisten();
    clearTimeout(this.#timer);
    this.#again = false;
    this.#asking?.abort();
  }

  #soon(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.refresh();
    }, TOGETHER_MS);
  }
}

/** A resource that lives as long as the component that asks for it. */
export function resource<T>(options: ResourceOptions<T>): Resource<T> {
  const made = new Resource(options);
  onDestroy(() => made.close());
  return made;
}
