// One folder of a snapshot, page by page: the first at once, the next as it is scrolled to.
import { api, failure, type Failure } from '$/api';
import { paced } from '$/api/paced';
import type { Entry } from '$/gen/holdfast/api/v1/api_pb';

/** Small at first, to be there at once; then large, to be there before the thumb. */
const FIRST = 500;
const NEXT = 5_000;
const SKELETON_AFTER_MS = 150;

/** What a row shows; a message of the API is four times its size. */
export interface Row {
  path: string;
  type: string;
  size: number | undefined;
  mtime: string | undefined;
}

export interface Folder {
  repo: string;
  snapshot: string;
  path: string;
}

export function rowOf(entry: Entry): Row {
  return {
    path: entry.path,
    type: entry.type,
    size: entry.size === undefined ? undefined : Number(entry.size),
    mtime: entry.mtime,
  };
}

export class Listing {
  rows = $state.raw<Row[]>([]);
  /** There is nothing more. */
  done = $state(false);
  slow = $state(false);
  failure = $state.raw<Failure>();
  #folder: Folder;
  #closing = new AbortController();
  #busy = false;

  constructor(folder: Folder) {
    this.#folder = folder;
    void this.more();
  }

  /** The next page, unless one is under way. */
  async more(): Promise<void> {
    if (this.#busy || this.done || this.#closing.signal.aborted) return;
    this.#busy = true;
    this.failure = undefined;
    const skeleton = setTimeout(() => (this.slow = this.rows.length === 0), SKELETON_AFTER_MS);
    try {
      const limit = this.rows.length === 0 ? FIRST : NEXT;
      const page = await this.#page(limit);
      this.done = page.length < limit;
      this.rows = this.rows.concat(page);
    } catch (thrown) {
      if (!this.#closing.signal.aborted) this.failure = failure(thrown);
    } finally {
      clearTimeout(skeleton);
      this.slow = false;
      this.#busy = false;
    }
  }

  close(): void {
    this.#closing.abort();
  }

  async #page(limit: number): Promise<Row[]> {
    const { repo, snapshot, path } = this.#folder;
    const after = this.rows[this.rows.length - 1]?.path;
    const rows: Row[] = [];
    const asked = { snapshot: { snapshot, repo }, path, limit, after };
    const entries = api.snapshots.ls(asked, { signal: this.#closing.signal });
    for await (const entry of paced(entries)) rows.push(rowOf(entry));
    return rows;
  }
}
