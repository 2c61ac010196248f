// What the plan would save, and what each pattern leaves out, while it is being written.
import { failure } from '$/api';
import { editing } from '$/api/editing';
import type { Measured, MeasuredPattern } from '$/gen/holdfast/api/v1/draft_pb';
import { live } from '$/live';
import { formOf } from './draft';
import type { PlanEdit } from './editing.svelte';

/** Somebody who ticks one folder ticks another one. */
const PAUSE_MS = 700;
/** What makes what was counted wrong. */
const FIELDS = [
  'paths',
  'exclude',
  'iexclude',
  'excludeFile',
  'iexcludeFile',
  'excludeIfPresent',
  'excludeCaches',
  'excludeLargerThan',
  'oneFileSystem',
] as const;

export class Measuring {
  /** As it was told last; it is of what was written before while `isOld`. */
  told = $state.raw<Measured>();
  isOld = $state(false);
  failed = $state('');

  #edit: PlanEdit;
  /** As text, which is equal where nothing of it changed. */
  #asked = $derived.by(() => JSON.stringify(FIELDS.map((field) => this.#edit.mine[field])));

  constructor(edit: PlanEdit) {
    this.#edit = edit;
    $effect(() => {
      // Once somebody answers again, it is counted again.
      void live.link.state;
      return this.#begin(this.#asked);
    });
  }

  /** Whether everything was looked at: else there may be more of all that is told. */
  get isWhole(): boolean {
    return this.told !== undefined && this.told.done && !this.told.cut;
  }

  /** What one pattern leaves out; undefined before it was looked for. */
  of(pattern: string): MeasuredPattern | undefined {
    return this.told?.patterns.findLast((each) => each.pattern === pattern && !each.anyCase);
  }

  #begin(_asked: string): () => void {
    const asking = new AbortController();
    this.isOld = true;
    const timer = setTimeout(() => void this.#ask(asking.signal), PAUSE_MS);
    return () => {
      clearTimeout(timer);
      asking.abort();
    };
  }

  async #ask(signal: AbortSignal): Promise<void> {
    const plan = formOf(this.#edit.mine);
    this.failed = '';
    if (plan.paths.length === 0) {
      this.told = undefined;
      return;
    }
    try {
      for await (const told of editing.drafts.measure({ plan }, { signal })) {
        this.told = told;
        this.isOld = false;
      }
    } catch (thrown) {
      if (signal.aborted) return;
      const { kind, message } = failure(thrown);
      // That nobody answers is told above the page.
      if (kind === 'unreachable') return;
      this.told = undefined;
      this.failed = message;
    }
  }
}
