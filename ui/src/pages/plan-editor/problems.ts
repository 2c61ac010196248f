// What is wrong in a plan's form: what cannot be read is told here, the rest by the daemon.
import { keepsNothing } from '$/components/retention';
import { sentence, sizeOf, spanOf } from '$/format';
import type { FieldProblem } from '$/gen/holdfast/api/v1/draft_pb';
import { fieldNamed, SPANS, type Draft, type FieldName } from './fields';
import { editor } from './words';

export type Problems = Partial<Record<FieldName, string>>;

/** Numbers, times and sizes that no request could carry. */
export function unreadable(draft: Draft): Problems {
  const found: Problems = {};
  for (const field of SPANS) {
    if (draft[field].trim() && spanOf(draft[field]) === undefined)
      found[field] = editor.wrong.span(draft[field]);
  }
  if (draft.excludeLargerThan.trim() && sizeOf(draft.excludeLargerThan) === undefined)
    found.excludeLargerThan = editor.wrong.size(draft.excludeLargerThan);
  for (const field of ['attempts', 'readConcurrency'] as const) {
    if (draft[field].trim() && !/^\d{1,6}$/.test(draft[field].trim()))
      found[field] = editor.wrong.number(draft[field]);
  }
  if (!draft.attempts.trim()) found.attempts = editor.wrong.attempts;
  if (keepsNothing(draft.retention)) found.retention = editor.wrong.keepsNothing;
  return found;
}

/** What the daemon said, by field; what is of no field is told above all. */
export function told(problems: FieldProblem[]): { fields: Problems; general: string[] } {
  const fields: Problems = {};
  const general: string[] = [];
  for (const { field, message, remedy } of problems) {
    const text = [message, remedy]
      .filter(Boolean)
      .map((part) => sentence(part ?? ''))
      .join(' ');
    const named = fieldNamed(field);
    if (named) fields[named] = fields[named] ? `${fields[named]} ${text}` : text;
    else general.push(text);
  }
  return { fields, general };
}

/** A new form begins empty: that something is missing is told once it was tried to save or changed. */
export function shownOf(problems: Problems, visited: (field: FieldName) => boolean): Problems {
  return Object.fromEntries(
    Object.entries(problems).filter(([field]) => visited(field as FieldName)),
  );
}
