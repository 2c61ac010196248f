// A value of a field as text, to be held against another one.
import type { Value } from './fields';
import { editor } from './words';

export function valueText(value: Value): string {
  if (typeof value === 'boolean') return value ? editor.values.on : editor.values.off;
  const text = Array.isArray(value) ? value.join('\n') : value;
  return text === '' ? editor.values.nothing : text;
}
