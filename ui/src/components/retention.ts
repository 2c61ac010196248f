// Rules of what is kept as the API writes them, taken apart for their controls and put together again.
import { editingWords } from '$/messages/editing';

export const COUNTED = ['last', 'hourly', 'daily', 'weekly', 'monthly', 'yearly'] as const;
export type Counted = (typeof COUNTED)[number];
export type RetentionMode = 'buckets' | 'within' | 'keep-all' | 'none';

export interface Rules {
  counts: Record<Counted, string>;
  within: string;
}

export function noRules(): Rules {
  return {
    counts: { last: '', hourly: '', daily: '', weekly: '', monthly: '', yearly: '' },
    within: '',
  };
}

export function retentionMode(value: string): RetentionMode {
  const text = value.trim();
  if (text === '' || text === 'none') return 'none';
  if (text === 'keep-all') return 'keep-all';
  return /^within=[^,]*$/.test(text) ? 'within' : 'buckets';
}

export function rulesOf(value: string): Rules {
  const rules = noRules();
  for (const rule of value.split(',')) {
    const [name = '', text = ''] = rule.split('=').map((part) => part.trim());
    if (name === 'within') rules.within = text;
    else if ((COUNTED as readonly string[]).includes(name)) rules.counts[name as Counted] = text;
  }
  return rules;
}

/** A count of 0 keeps nothing and is not written; what is no number is, so that it is told. */
export function rulesText({ counts, within }: Rules): string {
  const counted = COUNTED.map((name) => [name, counts[name].trim()] as const)
    .filter(([, text]) => text !== '' && !/^0+$/.test(text))
    .map(([name, text]) => `${name}=${text}`);
  return [...counted, ...(within.trim() ? [`within=${within.trim()}`] : [])].join(',');
}

/** What is written while rules are being chosen, even when they say nothing yet. */
export const NO_RULE = 'last=0';

/** Whether rules were chosen that keep no snapshot. */
export function keepsNothing(value: string): boolean {
  const mode = retentionMode(value);
  return (mode === 'buckets' || mode === 'within') && rulesText(rulesOf(value)) === '';
}

/** What a mode begins with. */
export function firstRules(mode: RetentionMode): string {
  return {
    buckets: 'last=3,daily=14,weekly=8,monthly=12',
    within: 'within=90d',
    'keep-all': 'keep-all',
    none: 'none',
  }[mode];
}

/** Why a snapshot stays, or that it would go: `daily, monthly`. */
export function fateWords({ fate, reasons }: { fate: string; reasons: string[] }): string {
  const words = editingWords.retention;
  if (fate === 'forget') return words.goes;
  const why = reasons.map((reason) => reason.replace(/ snapshot$/, '')).join(', ');
  return fate === 'apart' ? words.apart(why) : why;
}
