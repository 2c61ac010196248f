// What a run tells of how far it is. Counts of zero are no counts: restic tells them before it knows.
import { bytes, count, percent } from '$/format';
import type { Progress } from '$/gen/holdfast/api/v1/api_pb';
import { ops } from './words';

/** Others count packs and indexes, one step after the other: of those only the percent says something. */
const COUNTS_FILES = ['backup', 'restore'];

export interface Told {
  /** Undefined: only that it is under way. */
  percent?: string;
  bytes?: string;
  files?: string;
}

export function toldOf(progress: Progress | undefined, kind: string): Told {
  if (!progress) return {};
  const { permille, bytesDone, bytesTotal, filesDone, filesTotal } = progress;
  const counts = COUNTS_FILES.includes(kind);
  const hasBytes = counts && bytesTotal > 0n;
  const hasFiles = counts && filesTotal > 0n;
  return {
    percent: permille > 0 || hasBytes || hasFiles ? percent(permille) : undefined,
    bytes: hasBytes ? ops.of(bytes(bytesDone), bytes(bytesTotal)) : undefined,
    files: hasFiles ? ops.files(count(filesDone), count(filesTotal)) : undefined,
  };
}
