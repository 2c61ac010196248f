// What matches a filter, as a file: CSV for tables, JSON with the names of the documents.
import { toJson } from '@bufbuild/protobuf';
import { api } from '$/api';
import { saveFile } from '$/components/saving';
import { OperationSchema, type Operation } from '$/gen/holdfast/api/v1/api_pb';
import type { PageRequest } from './filters';

export type Format = 'csv' | 'json';

const PAGE = 500;

/** Asks page by page; `told` hears how many there are so far. */
export async function collect(
  question: PageRequest,
  told: (many: number) => void,
  signal: AbortSignal,
): Promise<Operation[]> {
  const all: Operation[] = [];
  let before: string | undefined;
  do {
    const page = await api.operations.page({ ...question, before, limit: PAGE }, { signal });
    all.push(...page.operations);
    before = page.older;
    told(all.length);
  } while (before !== undefined);
  return all;
}

const COLUMNS: [string, (one: Operation) => unknown][] = [
  ['id', (one) => one.id],
  ['instance', (one) => one.instance],
  ['origin', (one) => one.origin],
  ['flow', (one) => one.flow],
  ['kind', (one) => one.kind],
  ['status', (one) => one.status],
  ['plan', (one) => one.plan],
  ['repo', (one) => one.repo],
  ['snapshot', (one) => one.snapshot],
  ['started_at', (one) => one.startedAt],
  ['ended_at', (one) => one.endedAt],
  ['files_new', (one) => one.stats?.filesNew],
  ['files_changed', (one) => one.stats?.filesChanged],
  ['bytes_processed', (one) => one.stats?.bytesProcessed],
  ['bytes_added', (one) => one.stats?.bytesAdded],
  ['item_errors', (one) => one.stats?.itemErrors],
  ['archived', (one) => one.archived],
  ['message', (one) => one.message],
];

export function csv(all: Operation[]): string {
  const rows = all.map((one) => COLUMNS.map(([, of]) => quoted(of(one))).join(','));
  return `${[COLUMNS.map(([name]) => name).join(','), ...rows].join('\r\n')}\r\n`;
}

/** A text that begins like a formula is made a text for spreadsheets too. */
function quoted(value: unknown): string {
  if (value === undefined || value === null) return '';
  const text = String(value);
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function json(all: Operation[]): string {
  const options = { useProtoFieldName: true, alwaysEmitImplicit: true } as const;
  const documents = all.map((one) => {
    const document = toJson(OperationSchema, one, options) as Record<string, unknown>;
    // Numbers, as in every other document; none of these is beyond what a number holds.
    if (document.stats)
      document.stats = Object.fromEntries(
        Object.entries(document.stats).map(([name, amount]) => [name, Number(amount)]),
      );
    return document;
  });
  return `${JSON.stringify(documents, null, 2)}\n`;
}

export function save(all: Operation[], format: Format, day: string): void {
  const text = format === 'csv' ? csv(all) : json(all);
  const type = format === 'csv' ? 'text/csv' : 'application/json';
  saveFile(`operations-${day}.${format}`, type, [text]);
}
