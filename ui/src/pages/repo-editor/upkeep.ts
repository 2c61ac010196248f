// The upkeep of a repo as texts of the form: how it is read, sent, and what no request could carry.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { spanOf, spanText } from '$/format';
import type { UpkeepSettings, UpkeepSettingsSchema } from '$/gen/holdfast/api/v1/api_pb';
import type { FieldProblem } from '$/gen/holdfast/api/v1/draft_pb';
import { editor } from './words';

const TEXTS = [
  ...(['forget', 'forgetSchedule', 'pruneSchedule', 'maxUnused'] as const),
  ...(['checkSchedule', 'readData', 'statsSchedule'] as const),
] as const;
const NUMBERS = ['parallel', 'retryAttempts'] as const;
const SPANS = ['lockWait', 'lockAlarm', 'retryWait'] as const;
/** Where one of the two is sent the other is too: no attempts stand for the default of both. */
const RETRY: readonly string[] = ['retryAttempts', 'retryWait'];
/** There is no word for the default of these. */
const USUAL = { lockWait: 3600n, retryWait: 300n };

export const UPKEEP = [...TEXTS, ...NUMBERS, ...SPANS] as const;
type Name = (typeof UPKEEP)[number];
type Texts = Record<Name, string>;
type Request = MessageInitShape<typeof UpkeepSettingsSchema>;

export function upkeepTexts(upkeep: UpkeepSettings | undefined): Texts {
  const texts = Object.fromEntries(UPKEEP.map((name) => [name, ''])) as Texts;
  if (!upkeep) return texts;
  for (const name of TEXTS) texts[name] = upkeep[name] ?? '';
  for (const name of NUMBERS) texts[name] = upkeep[name]?.toString() ?? '';
  for (const name of SPANS) {
    const seconds = upkeep[`${name}S`];
    texts[name] = seconds === undefined ? '' : spanText(seconds);
  }
  return texts;
}

/** Only what differs: an empty text removes what it is about. */
export function upkeepRequest(differs: readonly string[], now: Texts): Request {
  const request: Request = {};
  for (const name of TEXTS) if (differs.includes(name)) request[name] = now[name].trim();
  if (differs.includes('parallel')) request.parallel = numberOf(now.parallel);
  if (differs.includes('lockWait')) request.lockWaitS = spanOf(now.lockWait) ?? USUAL.lockWait;
  if (differs.includes('lockAlarm')) request.lockAlarmS = spanOf(now.lockAlarm) ?? 0n;
  if (!differs.some((name) => RETRY.includes(name))) return request;
  const wait = spanOf(now.retryWait);
  request.retryAttempts = numberOf(now.retryAttempts);
  request.retryWaitS = wait ?? (request.retryAttempts > 0 ? USUAL.retryWait : undefined);
  return request;
}

function numberOf(text: string): number {
  return /^\d{1,6}$/.test(text.trim()) ? Number(text) : 0;
}

export function unreadable(now: Texts): Pick<FieldProblem, 'field' | 'message'>[] {
  const typed = (name: Name) => now[name].trim() !== '';
  const numbers = NUMBERS.filter((name) => typed(name) && !/^\d{1,6}$/.test(now[name].trim()));
  const spans = SPANS.filter((name) => typed(name) && spanOf(now[name]) === undefined);
  return [
    ...numbers.map((name) => ({ field: KEYS[name], message: editor.wrong.number(now[name]) })),
    ...spans.map((name) => ({ field: KEYS[name], message: editor.wrong.span(now[name]) })),
  ];
}

/** As the daemon names them. */
const KEYS = {
  parallel: 'parallel',
  lockWait: 'lock-wait',
  lockAlarm: 'lock-alarm',
  retryAttempts: 'retry-attempts',
  retryWait: 'retry-wait',
} as const;
