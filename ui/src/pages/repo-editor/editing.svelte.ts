// The state of the editor: what is written, what is typed, what is wrong with it, and saving.
import { api, failure, type Failure } from '$/api';
import { editing } from '$/api/editing';
import type { FieldProblem, RepoTest, Written } from '$/gen/holdfast/api/v1/draft_pb';
import {
  addRequest,
  changed,
  editRequest,
  fieldOf,
  fieldsOf,
  givesPassword,
  merged,
  type Draft,
  type FieldName,
  type Fields,
  type Secrets,
  type Switches,
} from './form';
import { unreadable } from './upkeep';

const PAUSE_MS = 400;

export class Editing {
  /** Undefined for a new one. */
  readonly id: string | undefined;
  repo = $state('');
  base = $state.raw<Fields>(fieldsOf(undefined));
  now = $state<Fields>(fieldsOf(undefined));
  secrets = $state<Secrets>({ source: 'password', secret: '', env: [], removed: [] });
  switches = $state<Switches>({ noInit: false, noTest: false, shared: false });
  written = $state.raw<Written>();
  problems = $state.raw<FieldProblem[]>([]);
  toml = $state('');
  /** What both changed; the base has what the other wrote. */
  conflicts = $state.raw<FieldName[]>([]);
  before = $state.raw<Fields>();
  taken = $state.raw<FieldName[]>([]);
  /** Why it was not saved. */
  failed = $state.raw<Failure>();
  unread = $state.raw<Failure>();
  test = $state.raw<RepoTest>();
  testFailed = $state.raw<Failure>();
  testing = $state(false);
  busy = $state(false);
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asked = 0;

  constructor(id: string | undefined) {
    this.id = id;
    this.repo = id ?? '';
    if (id) void this.load();
  }

  /** What is written now; what is being typed is never overwritten. */
  async load(): Promise<void> {
    if (!this.id) return;
    try {
      const written = await editing.drafts.written({ repo: this.id });
      this.unread = undefined;
      if (!this.written) this.#begin(written);
      else if (written.revision !== this.written.revision) this.#meet(written);
    } catch (thrown) {
      if (!this.written) this.unread = failure(thrown);
    }
  }

  #begin(written: Written): void {
    this.written = written;
    this.base = fieldsOf(written.repo);
    this.now = { ...this.base };
    this.toml = written.toml;
    this.secrets = { source: 'keep', secret: '', env: [], removed: [] };
    const { noInit = false, shared = false } = written.repo ?? {};
    this.switches = { noInit, shared, noTest: false };
  }

  #meet(written: Written): void {
    const theirs = fieldsOf(written.repo);
    const { next, conflicts, taken } = merged(this.base, this.now, theirs, this.conflicts);
    this.written = written;
    this.before = this.base;
    this.base = theirs;
    this.now = next;
    this.conflicts = conflicts;
    this.taken = taken;
  }

  settle(field: FieldName, whose: 'mine' | 'theirs'): void {
    if (whose === 'theirs') this.now[field] = this.base[field];
    this.conflicts = this.conflicts.filter((one) => one !== field);
  }

  discard(): void {
    if (this.written) this.#begin(this.written);
    this.conflicts = [];
    this.failed = undefined;
  }

  get draft(): Draft {
    return {
      repo: this.repo,
      base: this.base,
      now: this.now,
      secrets: this.secrets,
      switches: this.switches,
    };
  }

  get changes(): string[] {
    const names: string[] = changed(this.base, this.now);
    if (!this.id && this.repo) names.unshift('repo');
    if (givesPassword(this.secrets) && this.secrets.secret) names.push('password');
    if (this.secrets.env.some(({ name }) => name) || this.secrets.removed.length) names.push('env');
    if (this.id === undefined && this.switches.shared) names.push('shared');
    return names;
  }

  /** What no request could carry, and what the daemon says of the rest. */
  get wrong(): Pick<FieldProblem, 'field' | 'message' | 'remedy'>[] {
    return [...unreadable(this.now), ...this.problems];
  }

  problemOf(field: string): string | undefined {
    const said = this.wrong.filter((one) => fieldOf(one.field) === field);
    const text = said.map(({ message, remedy }) => [message, remedy].filter(Boolean).join('; '));
    return text.join(' ') || undefined;
  }

  /** Asks the daemon a moment after the last key. */
  checkSoon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#check(), PAUSE_MS);
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  get #question() {
    return {
      repo: addRequest(this.draft),
      existing: this.id !== undefined,
      envRemoved: this.secrets.removed,
    };
  }

  async #check(): Promise<void> {
    this.#asked += 1;
    const asked = this.#asked;
    try {
      const told = await editing.drafts.checkRepo(this.#question);
      // An answer to what was typed before says nothing any more.
      if (asked !== this.#asked) return;
      this.problems = told.problems;
      if (told.toml) this.toml = told.toml;
    } catch {
      // Saving says what is wrong.
    }
  }

  async tryIt(): Promise<void> {
    this.testing = true;
    this.test = undefined;
    this.testFailed = undefined;
    try {
      this.test = await editing.drafts.testRepo(this.#question);
    } catch (thrown) {
      this.testFailed = failure(thrown);
    } finally {
      this.testing = false;
    }
  }

  /** Whether it was saved. */
  async save(): Promise<boolean> {
    this.busy = true;
    this.failed = undefined;
    try {
      if (this.id) await api.repos.edit(editRequest(this.draft, this.written?.revision ?? ''));
      else await api.repos.add(addRequest(this.draft));
      return true;
    } catch (thrown) {
      this.failed = failure(thrown);
      if (this.failed.code === 'conflict') await this.load();
      return false;
    } finally {
      this.busy = false;
    }
  }
}
