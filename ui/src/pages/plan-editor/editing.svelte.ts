// One plan that is being edited: what is written of it, what is typed over it, what is wrong with it.
import { failure, type Failure } from '$/api';
import { editing } from '$/api/editing';
import type { Written } from '$/gen/holdfast/api/v1/draft_pb';
import { changed, draftOf, formOf, merged } from './draft';
import type { Draft, FieldName } from './fields';
import { shownOf, told, unreadable, type Problems } from './problems';

/** What survives leaving the page and loading it anew. There are no secrets in a plan. */
interface Kept {
  base: Draft;
  mine: Draft;
  revision: string;
}

const PAUSE_MS = 500;

export class PlanEdit {
  /** As it is written, as far as this form knows. */
  base = $state.raw<Draft>() as Draft;
  mine = $state.raw<Draft>() as Draft;
  revision = $state('');
  /** What both changed, with what the other wrote. */
  conflicts = $state.raw<FieldName[]>([]);
  before = $state.raw<Draft>();
  /** Changed elsewhere and taken, until somebody has read it. */
  taken = $state.raw<FieldName[]>([]);
  /** What was typed before is here again. */
  isKept = $state(false);
  toml = $state('');
  checkFailure = $state.raw<Failure>();

  #key: string;
  #isNew: boolean;
  #said = $state.raw<{ fields: Problems; general: string[] }>({ fields: {}, general: [] });
  #tried = $state(false);

  /** Nothing is there yet where `written` is absent: then `first` is what the form begins with. */
  constructor(key: string, first: Draft, written?: Written) {
    this.#key = `plan-edit:${key}`;
    this.#isNew = written === undefined;
    this.base = first;
    this.mine = first;
    this.revision = written?.revision ?? '';
    this.#restore(first);
  }

  get changes(): FieldName[] {
    return changed(this.base, this.mine);
  }

  /** All there is to correct, by field. */
  get problems(): Problems {
    return { ...this.#said.fields, ...unreadable(this.mine) };
  }

  /** What is told beside the fields: of a new plan nothing that nobody has touched yet. */
  get shown(): Problems {
    if (!this.#isNew || this.#tried) return this.problems;
    const touched = this.changes;
    return shownOf(this.problems, (field) => touched.includes(field));
  }

  get general(): string[] {
    return this.#said.general;
  }

  set<F extends FieldName>(field: F, value: Draft[F]): void {
    this.mine = { ...this.mine, [field]: value };
    this.#keep();
  }

  put(values: Partial<Draft>): void {
    this.mine = { ...this.mine, ...values };
    this.#keep();
  }

  discard(): void {
    this.mine = this.base;
    this.conflicts = [];
    this.isKept = false;
    this.#tried = false;
    this.#keep();
  }

  /** What somebody else wrote: it shows where nothing was typed, and both show where it was. */
  heard(written: Written): void {
    if (!written.plan || written.revision === this.revision) return;
    const theirs = draftOf(written.plan);
    const result = merged(this.base, this.mine, theirs);
    const still = this.conflicts.filter((field) => changed(theirs, this.mine).includes(field));
    this.before = this.base;
    this.conflicts = [...new Set([...still, ...result.conflicts])];
    // Who has typed nothing sees them change; who has is told.
    if (this.changes.length > 0 && result.taken.length > 0)
      this.taken = [...new Set([...this.taken, ...result.taken])];
    this.base = theirs;
    this.mine = result.draft;
    this.revision = written.revision;
    this.#keep();
  }

  settle(field: FieldName, whose: 'mine' | 'theirs'): void {
    if (whose === 'theirs') this.put({ [field]: this.base[field] } as Partial<Draft>);
    this.conflicts = this.conflicts.filter((each) => each !== field);
  }

  /** From now on everything that is missing is told. */
  tried(): void {
    this.#tried = true;
  }

  saved(): void {
    sessionStorage.removeItem(this.#key);
  }

  /** Asks soon what the daemon thinks of the form; answers how to take that back. */
  check(): () => void {
    const plan = formOf(this.mine);
    const asking = new AbortController();
    const timer = setTimeout(() => void this.#ask(plan, asking.signal), PAUSE_MS);
    return () => {
      clearTimeout(timer);
      asking.abort();
    };
  }

  /** Asks at once what the daemon thinks of it: whether it can be saved. */
  async isRight(): Promise<boolean> {
    await this.#ask(formOf(this.mine), new AbortController().signal);
    return Object.keys(this.problems).length === 0;
  }

  async #ask(plan: ReturnType<typeof formOf>, signal: AbortSignal): Promise<void> {
    try {
      const answer = await editing.drafts.checkPlan({ plan, existing: !this.#isNew }, { signal });
      this.#said = told(answer.problems);
      this.toml = answer.toml;
      this.checkFailure = undefined;
    } catch (thrown) {
      if (!signal.aborted) this.checkFailure = failure(thrown);
    }
  }

  #keep(): void {
    try {
      if (this.changes.length === 0) return sessionStorage.removeItem(this.#key);
      const { base, mine, revision } = this;
      sessionStorage.setItem(this.#key, JSON.stringify({ base, mine, revision } satisfies Kept));
    } catch {
      // A full or forbidden store: what is typed then lives as long as the page.
    }
  }

  #restore(first: Draft): void {
    const text = sessionStorage.getItem(this.#key);
    if (!text) return;
    try {
      const kept = JSON.parse(text) as Kept;
      const result = merged(kept.base, { ...first, ...kept.mine }, first);
      this.mine = result.draft;
      this.before = kept.base;
      this.conflicts = result.conflicts;
      this.isKept = this.changes.length > 0;
    } catch {
      sessionStorage.removeItem(this.#key);
    }
  }
}
