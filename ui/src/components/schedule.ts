// A schedule as the API writes it, taken apart for its controls and put together again.

export type ScheduleMode = 'cron' | 'every' | 'after' | 'manual';

export interface ScheduleParts {
  mode: ScheduleMode;
  /** The pattern, the period or the plan; nothing where it is started by hand. */
  text: string;
}

const STARTS: [string, ScheduleMode][] = [
  ['cron:', 'cron'],
  ['every', 'every'],
  ['after', 'after'],
];

/** What is no schedule yet is shown as a pattern: nothing that was typed is lost. */
export function scheduleParts(value: string): ScheduleParts {
  const text = value.trim();
  if (text === '' || text === 'manual') return { mode: 'manual', text: '' };
  for (const [start, mode] of STARTS) {
    if (text.startsWith(start)) return { mode, text: text.slice(start.length).trim() };
  }
  return { mode: 'cron', text };
}

export function scheduleText({ mode, text }: ScheduleParts): string {
  if (mode === 'manual') return 'manual';
  return `${mode === 'cron' ? 'cron:' : mode} ${text.trim()}`.trim();
}

/** What a mode begins with where nothing was written in it before. */
export function firstOf(mode: ScheduleMode, plans: string[]): string {
  return { cron: '30 2 * * *', every: '6h', after: plans[0] ?? '', manual: '' }[mode];
}

/** Seconds from each run to the one before it. */
export function gaps(runs: string[]): (number | undefined)[] {
  return runs.map((run, i) => {
    const before = runs[i - 1];
    return before === undefined ? undefined : (Date.parse(run) - Date.parse(before)) / 1000;
  });
}
