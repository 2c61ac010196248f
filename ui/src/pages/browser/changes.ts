// What a comparison answers, as it is listed and counted.
import type { IconName } from '$/components/icons';
import type { DiffChange, DiffRecord } from '$/gen/holdfast/api/v1/api_pb';

export const KIND_ICONS: Record<string, IconName> = {
  added: 'plus',
  removed: 'minus',
  modified: 'arrow',
  'type-changed': 'arrow',
  metadata: 'info',
  suspect: 'warn',
};

export function changesOf(records: DiffRecord[]): DiffChange[] {
  return records.flatMap((record) => (record.change ? [record.change] : []));
}

/** Each kind with how many, in the order of the words. */
export function kindsOf(changes: DiffChange[]): { change: string; many: number }[] {
  const many = new Map<string, number>();
  for (const { change } of changes) many.set(change, (many.get(change) ?? 0) + 1);
  const order = Object.keys(KIND_ICONS);
  return [...many]
    .map(([change, n]) => ({ change, many: n }))
    .sort((a, b) => order.indexOf(a.change) - order.indexOf(b.change));
}
