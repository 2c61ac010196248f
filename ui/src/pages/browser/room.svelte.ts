// Whether what would be restored fits where it is to go: looked at before anything is written.
import { api, failure, type Failure } from '$/api';
import type { RestoreRoom } from '$/gen/holdfast/api/v1/api_pb';
import type { Request } from './restoring.svelte';

export class Room {
  /** What is looked at, or was, until it is forgotten: only this is restored after it. */
  wish = $state.raw<Request>();
  looking = $state(false);
  /** As it was told last. */
  told = $state.raw<RestoreRoom>();
  /** Why it could not be looked at: whoever restores from what is damaged still may. */
  failed = $state.raw<Failure>();

  #asking: AbortController | undefined;

  /** False where it does not fit, where that is not known, and where it was forgotten meanwhile. */
  async isEnoughFor(wish: Request): Promise<boolean> {
    this.forget();
    const asking = new AbortController();
    this.#asking = asking;
    this.wish = wish;
    this.looking = true;
    try {
      for await (const told of api.snapshots.room(wish, { signal: asking.signal })) {
        this.told = told;
      }
    } catch (thrown) {
      if (!asking.signal.aborted) this.failed = failure(thrown);
    } finally {
      if (this.#asking === asking) this.looking = false;
    }
    return !asking.signal.aborted && this.told !== undefined && !this.failed && fits(this.told);
  }

  forget(): void {
    this.#asking?.abort();
    this.#asking = undefined;
    this.wish = undefined;
    this.looking = false;
    this.told = undefined;
    this.failed = undefined;
  }
}

export function fits({ bytes, free, writable }: RestoreRoom): boolean {
  return writable && bytes <= free;
}
