// What is typed over settings that are stored: each field follows the file until it is typed into,
// and what is written elsewhere meanwhile shows beside it and never takes its place.

interface Typed {
  mine: string;
  /** What was stored when it was begun, or when it was last settled. */
  from: string;
}

export class Typing<F extends string> {
  #typed = $state.raw<Partial<Record<F, Typed>>>({});
  #stored: () => Partial<Record<F, string>>;

  /** `stored` answers what the file says now; a field that it does not name is empty. */
  constructor(stored: () => Partial<Record<F, string>>) {
    this.#stored = stored;
  }

  of(field: F): string {
    return this.#typed[field]?.mine ?? this.#now(field);
  }

  put(field: F, mine: string): void {
    const from = this.#typed[field]?.from ?? this.#now(field);
    this.#typed = { ...this.#typed, [field]: { mine, from } };
  }

  isChanged(field: F): boolean {
    return this.of(field) !== this.#now(field);
  }

  /** Of the fields that are typed into. */
  get mine(): Partial<Record<F, string>> {
    const all = Object.entries<Typed | undefined>(this.#typed);
    return Object.fromEntries(all.map(([field, typed]) => [field, typed?.mine])) as Partial<
      Record<F, string>
    >;
  }

  /** What is stored now, where it was changed both here and elsewhere. */
  theirs(field: F): string | undefined {
    const typed = this.#typed[field];
    const now = this.#now(field);
    return typed && now !== typed.from && now !== typed.mine ? now : undefined;
  }

  get isUnsettled(): boolean {
    return (Object.keys(this.#typed) as F[]).some((field) => this.theirs(field) !== undefined);
  }

  keepMine(field: F): void {
    const mine = this.of(field);
    this.#typed = { ...this.#typed, [field]: { mine, from: this.#now(field) } };
  }

  takeTheirs(field: F): void {
    this.#typed = { ...this.#typed, [field]: undefined };
  }

  discard(): void {
    this.#typed = {};
  }

  #now(field: F): string {
    return this.#stored()[field] ?? '';
  }
}
