// What happened, why, and what to do: sentences for one operation.
import { bytes, sentence } from '$/format';
import type { Operation } from '$/gen/holdfast/api/v1/api_pb';
import { took } from './flows';
import type { Whose } from './names';
import { ops } from './words';

const words = ops.detail;

export function happened(one: Operation, now: number): string {
  const time = one.endedAt && one.status !== 'skipped' ? ` ${words.after(took(one, now))}` : '';
  return `${what(one)}${time}`;
}

function what(one: Operation): string {
  const said = words.states[one.status] ?? one.status;
  if (one.kind !== 'backup') return said;
  const { stats } = one;
  if (one.status === 'failed') return `${said} ${words.failedBackup}`;
  if (one.status === 'succeeded' && stats && one.repo)
    return words.saved(bytes(stats.bytesAdded), one.repo);
  if (one.status === 'warning' && stats && stats.itemErrors > 0n)
    return words.partly(Number(stats.itemErrors));
  return said;
}

export function why(one: Operation): string | undefined {
  return one.message ? sentence(one.message, [one.plan ?? '', one.repo ?? '']) : undefined;
}

/** What the buttons do; `none` where it cannot be started from here. */
export type Again = 'none' | 'backup' | 'upkeep' | 'unlock';

/** What keeps a repo in order, and is started again as it was. */
export const UPKEEP = ['forget', 'prune', 'check', 'stats', 'index'];
const DONE = ['succeeded', 'pending', 'running'];

export function again(one: Operation, { here, mayRun }: Whose): Again {
  if (!mayRun || DONE.includes(one.status)) return 'none';
  if (here && isLock(one) && one.repo) return 'unlock';
  if (one.kind === 'backup' && one.plan) return 'backup';
  return UPKEEP.includes(one.kind) && one.repo ? 'upkeep' : 'none';
}

function isLock({ message, status }: Operation): boolean {
  return status === 'failed' && /\block(ed)?\b/i.test(message ?? '');
}

/** Undefined: nothing is to be done, and nothing is said. */
export function todo(one: Operation, whose: Whose): string | undefined {
  switch (one.status) {
    case 'succeeded':
    case 'pending':
    case 'running':
      return undefined;
    case 'skipped':
      return words.skippedTodo;
    case 'warning':
      return one.kind === 'backup' ? words.unreadTodo : words.otherTodo;
    default:
      if (!whose.mayRun) return words.elsewhere(whose.name);
      return again(one, whose) === 'none' ? words.otherTodo : undefined;
  }
}
