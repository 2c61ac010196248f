// Operations by a filter, newest first: page by page backwards, and what is new as it comes.
import { equals } from '@bufbuild/protobuf';
import { api, failure, type Failure } from '$/api';
import { OperationSchema, type Operation } from '$/gen/holdfast/api/v1/api_pb';
import { keep, known, live } from '$/live';
import type { PageRequest } from './filters';
import { keyOf } from './flows';

const PAGE = 60;
const NEW_AT_MOST = 500;
/** Many new ones in a row are one question. */
const TOGETHER_MS = 600;

type Page = Awaited<ReturnType<typeof api.operations.page>>;

export class Feed {
  operations = $state.raw<Operation[]>([]);
  /** New ones that would move the page under the reader: shown when asked for. */
  waiting = $state.raw<Operation[]>([]);
  hasOlder = $state(false);
  asked = $state(false);
  slow = $state(false);
  busy = $state(false);
  failure = $state.raw<Failure>();

  #key: string;
  #question: () => PageRequest;
  #isCalm: () => boolean;
  #older: string | undefined;
  #newer: string | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #unlisten: () => void;
  #closing = new AbortController();

  /** Who comes back sees at once what was there, under `key`, and then what is there now. `isCalm`:
   *  new ones may be shown at once, as nobody reads further down. */
  constructor(key: string, question: () => PageRequest, isCalm: () => boolean) {
    this.#key = key;
    const before = known<Page>(key);
    if (before) this.#newest(before.data);
    this.#question = question;
    this.#isCalm = isCalm;
    this.#unlisten = live.onChange((changed, operation) => {
      if (operation) this.#told(operation);
      else if (changed.includes('all') || changed.includes('operations')) void this.load();
    });
    void this.load();
  }

  close(): void {
    this.#unlisten();
    clearTimeout(this.#timer);
    this.#closing.abort();
  }

  /** The newest, anew. */
  async load(): Promise<void> {
    const skeleton = setTimeout(() => (this.slow = !this.asked), 150);
    await this.#ask({}, (page) => {
      this.#newest(page);
      keep(this.#key, page);
    });
    clearTimeout(skeleton);
    this.slow = false;
  }

  async more(): Promise<void> {
    if (this.busy || this.#older === undefined) return;
    this.busy = true;
    await this.#ask({ before: this.#older }, (page) => {
      this.operations = united(this.operations, page.operations);
      this.#older = page.older;
      this.hasOlder = page.older !== undefined;
    });
    this.busy = false;
  }

  /** Shows what came meanwhile. */
  show(): void {
    this.operations = united(this.waiting, this.operations);
    this.waiting = [];
  }

  remove(operation: Operation): void {
    this.operations = this.operations.filter((one) => keyOf(one) !== keyOf(operation));
  }

  #newest(page: Page): void {
    this.operations = same(page.operations, this.operations);
    this.waiting = [];
    this.#older = page.older;
    this.#newer = page.newer;
    this.hasOlder = page.older !== undefined;
    this.asked = true;
  }

  #told(operation: Operation): void {
    const key = keyOf(operation);
    const isIt = (one: Operation) => keyOf(one) === key;
    if (this.operations.some(isIt)) this.operations = replaced(this.operations, operation);
    else if (this.waiting.some(isIt)) this.waiting = replaced(this.waiting, operation);
    else this.#timer ??= setTimeout(() => void this.#look(), TOGETHER_MS);
  }

  async #look(): Promise<void> {
    this.#timer = undefined;
    if (this.#newer === undefined) return this.load();
    await this.#ask({ after: this.#newer, limit: NEW_AT_MOST }, (page) => {
      this.#newer = page.newer ?? this.#newer;
      this.waiting = united(page.operations, this.waiting);
      if (this.#isCalm()) this.show();
    });
  }

  async #ask(more: PageRequest, then: (page: Page) => void) {
    const { signal } = this.#closing;
    try {
      then(await api.operations.page({ ...this.#question(), limit: PAGE, ...more }, { signal }));
      this.failure = undefined;
    } catch (thrown) {
      if (!signal.aborted) this.failure = failure(thrown);
    }
  }
}

/** What did not change stays what it was, so that nothing of it is drawn again. */
function same(list: Operation[], before: Operation[]): Operation[] {
  const old = new Map(before.map((one) => [keyOf(one), one]));
  return list.map((one) => {
    const was = old.get(keyOf(one));
    // It was asked for before what was heard since.
    const isOld = was && (was.revision > one.revision || equals(OperationSchema, was, one));
    return isOld ? was : one;
  });
}

function replaced(list: Operation[], operation: Operation): Operation[] {
  const key = keyOf(operation);
  return list.map((one) =>
    keyOf(one) === key && one.revision <= operation.revision ? operation : one,
  );
}

function united(newer: Operation[], older: Operation[]): Operation[] {
  const keys = new Set(newer.map(keyOf));
  return [...newer, ...older.filter((one) => !keys.has(keyOf(one)))];
}
