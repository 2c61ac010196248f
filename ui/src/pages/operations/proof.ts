// A history with what proves it: JSON lines, as `holdfast ops export --proof` writes them and
// `holdfast ops verify` reads them.
import { ScalarType, toJson, type DescMessage, type MessageShape } from '@bufbuild/protobuf';
import { api } from '$/api';
import {
  ProofCheckpointSchema,
  ProofEntrySchema,
  ProofOriginSchema,
  ProofShardSchema,
  type ExportRecord,
} from '$/gen/holdfast/api/v1/api_pb';

const OPTIONS = { useProtoFieldName: true, alwaysEmitImplicit: true } as const;

/** Every line of one machine's history, the own one where none is named; `told` hears how many so far. */
export async function proven(
  peer: string | undefined,
  told: (many: number) => void,
  signal: AbortSignal,
): Promise<string[]> {
  const lines: string[] = [];
  for await (const record of api.operations.export({ peer, proof: true }, { signal })) {
    lines.push(line(record));
    told(lines.length);
  }
  return lines;
}

/** Exactly one of them is set. */
export function line({ origin, shard, entry, checkpoint }: ExportRecord): string {
  if (origin) return written('origin', ProofOriginSchema, origin);
  if (shard) return written('shard', ProofShardSchema, shard);
  if (entry) return written('entry', ProofEntrySchema, entry);
  if (checkpoint) return written('checkpoint', ProofCheckpointSchema, checkpoint);
  throw new TypeError('an export with proof has no such record');
}

function written<D extends DescMessage>(record: string, schema: D, message: MessageShape<D>) {
  const document = toJson(schema, message, OPTIONS) as Record<string, unknown>;
  // The check reads positions as numbers; a log has not as many entries as would not fit one.
  for (const { name, scalar } of schema.fields)
    if (scalar === ScalarType.UINT64) document[name] = Number(document[name]);
  return `${JSON.stringify({ ...document, record })}\n`;
}
