// A value of a field as text, to be held against another one.
import { retentionWords } from '../plan/lede';
import type { Draft, FieldName } from './fields';
import { editor } from './words';

export function valueText(draft: Draft, field: FieldName): string {
  if (field === 'retention') return retentionWords(draft.retention);
  const value = draft[field];
  if (typeof value === 'boolean') return value ? editor.values.on : editor.values.off;
  const text = Array.isArray(value) ? value.join('\n') : value;
  return text === '' ? editor.values.nothing : text;
}
