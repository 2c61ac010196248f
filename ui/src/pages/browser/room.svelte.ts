// Whether what would be restored fits where it is to go: looked at before anything is written.
import { api } from '$/api';
import type { RestoreRoom } from '$/gen/holdfast/api/v1/api_pb';
import type { Request } from './restoring.svelte';

export class Room {
  /** As it was told last. */
  told = $state.raw<RestoreRoom>();
  looking = $state(false);
  /** For what there is not enough of it: another wish is looked at anew. */
  wish = $state.raw<Request>();

  #asking: AbortController | undefined;

  /** False where it does not fit, or where it was forgotten meanwhile. */
  async isEnoughFor(wish: Request): Promise<boolean> {
    this.forget();
    const asking = new AbortController();
    this.#asking = asking;
    this.looking = true;
    try {
      for await (const told of api.snapshots.room(wish, { signal: asking.signal })) {
        this.told = told;
      }
    } catch (thrown) {
      if (asking.signal.aborted) return false;
      throw thrown;
    } finally {
      if (this.#asking === asking) this.looking = false;
    }
    if (asking.signal.aborted) return false;
    this.wish = wish;
    return this.told !== undefined && fits(this.told);
  }

  forget(): void {
    this.#asking?.abort();
    this.#asking = undefined;
    this.looking = false;
    this.told = undefined;
    this.wish = undefined;
  }
}

export function fits({ bytes, free, writable }: RestoreRoom): boolean {
  return writable && bytes <= free;
}
