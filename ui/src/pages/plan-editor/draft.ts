// A plan's form, from what is written of it and back; what was changed; and what two changes make.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { scheduleParts } from '$/components/schedule';
import { sizeOf, sizeText, spanOf, spanText } from '$/format';
import {
  AddPlanRequestSchema,
  EditPlanRequestSchema,
  type AddPlanRequest,
  type EditPlanRequest,
} from '$/gen/holdfast/api/v1/api_pb';
import { CONFIG_NAME, FIELDS, TUNING, type Draft, type FieldName, type Value } from './fields';

const ATTEMPTS = 3;
const WAIT = '5m';

const span = (seconds: bigint | undefined) => (seconds === undefined ? '' : spanText(seconds));
const trimmed = (text: string) => text.trim() || undefined;

export function emptyDraft(): Draft {
  const form = create(AddPlanRequestSchema, { schedule: 'cron: 30 2 * * *' });
  return { ...draftOf(form), retention: 'last=3,daily=14,weekly=8,monthly=12' };
}

export function draftOf(form: AddPlanRequest): Draft {
  const when = form.onlyWhen;
  return {
    ...tuningOf(form),
    plan: form.plan,
    repo: form.repo,
    enabled: form.enabled ?? true,
    paths: form.paths,
    exclude: form.exclude,
    iexclude: form.iexclude,
    excludeIfPresent: form.excludeIfPresent,
    excludeFile: form.excludeFile,
    iexcludeFile: form.iexcludeFile,
    oneFileSystem: form.oneFileSystem,
    excludeCaches: form.excludeCaches,
    excludeLargerThan: form.excludeLargerThan === undefined ? '' : sizeText(form.excludeLargerThan),
    skipIfUnchanged: form.skipIfUnchanged,
    schedule: form.schedule ?? 'manual',
    timeZone: form.timeZone ?? '',
    jitter: span(form.jitterS),
    grace: span(form.graceS),
    maxAge: span(form.maxAgeS),
    retention: form.retention ?? 'none',
    acPower: when?.acPower ?? false,
    unmetered: when?.unmetered ?? false,
    network: when?.network ?? false,
    window: when?.window ?? '',
    loadBelow: when?.loadBelow ?? '',
    forceAfter: span(when?.forceAfterS),
    attempts: String(form.retry?.attempts ?? ATTEMPTS),
    wait: form.retry ? spanText(form.retry.waitS) : WAIT,
    readConcurrency: form.readConcurrency === undefined ? '' : String(form.readConcurrency),
    host: form.host ?? '',
  };
}

function tuningOf({ tuning }: AddPlanRequest): Pick<Draft, (typeof TUNING)[number]> {
  const pairs = TUNING.map((field) => [field, tuning[CONFIG_NAME[field]] ?? '']);
  return Object.fromEntries(pairs) as Pick<Draft, (typeof TUNING)[number]>;
}

function number(text: string): number | undefined {
  return /^\d{1,6}$/.test(text.trim()) ? Number(text) : undefined;
}

/** Reads what can be read; `unreadable` says what cannot. */
export function formOf(draft: Draft): AddPlanRequest {
  const tuning = TUNING.map((field) => [CONFIG_NAME[field], draft[field].trim()] as const);
  return create(AddPlanRequestSchema, {
    plan: draft.plan.trim(),
    repo: draft.repo,
    enabled: draft.enabled,
    paths: draft.paths,
    exclude: draft.exclude,
    iexclude: draft.iexclude,
    excludeIfPresent: draft.excludeIfPresent,
    excludeFile: draft.excludeFile,
    iexcludeFile: draft.iexcludeFile,
    oneFileSystem: draft.oneFileSystem,
    excludeCaches: draft.excludeCaches,
    excludeLargerThan: sizeOf(draft.excludeLargerThan),
    skipIfUnchanged: draft.skipIfUnchanged,
    schedule: draft.schedule,
    ...timed(draft),
    graceS: spanOf(draft.grace),
    maxAgeS: spanOf(draft.maxAge),
    retention: draft.retention,
    onlyWhen: conditionsOf(draft),
    retry: retryOf(draft),
    readConcurrency: number(draft.readConcurrency),
    host: trimmed(draft.host),
    tuning: Object.fromEntries(tuning.filter(([, text]) => text !== '')),
  });
}

/** A zone is of a pattern, a jitter of what goes by the clock: what another mode had is not said. */
function timed(draft: Draft) {
  const { mode } = scheduleParts(draft.schedule);
  const isTimed = mode === 'cron' || mode === 'every';
  return {
    timeZone: mode === 'cron' ? trimmed(draft.timeZone) : undefined,
    jitterS: isTimed ? spanOf(draft.jitter) : undefined,
  };
}

function conditionsOf(draft: Draft) {
  return {
    acPower: draft.acPower,
    unmetered: draft.unmetered,
    network: draft.network,
    window: trimmed(draft.window),
    loadBelow: trimmed(draft.loadBelow),
    forceAfterS: spanOf(draft.forceAfter),
  };
}

function retryOf(draft: Draft) {
  return { attempts: number(draft.attempts) ?? ATTEMPTS, waitS: spanOf(draft.wait) ?? 0n };
}

export function same(one: Value, other: Value): boolean {
  if (!Array.isArray(one) || !Array.isArray(other)) return one === other;
  return one.length === other.length && one.every((each, i) => each === other[i]);
}

export function changed(base: Draft, draft: Draft): FieldName[] {
  return FIELDS.filter((field) => !same(base[field], draft[field]));
}

type Edit = MessageInitShape<typeof EditPlanRequestSchema>;

/** What is to be written: the changed fields and nothing else, on what they were based on. */
export function editOf(base: Draft, draft: Draft, revision: string): EditPlanRequest {
  const names = changed(base, draft);
  const is = (...fields: FieldName[]) => fields.some((field) => names.includes(field));
  const list = (
    field: 'paths' | 'exclude' | 'iexclude' | 'excludeIfPresent' | 'excludeFile' | 'iexcludeFile',
  ) => (is(field) ? { items: draft[field] } : undefined);
  const seconds = (field: 'maxAge' | 'grace' | 'jitter') =>
    is(field) ? (spanOf(draft[field]) ?? 0n) : undefined;
  const { mode } = scheduleParts(draft.schedule);
  const timing: Edit = {
    schedule: is('schedule') ? draft.schedule : undefined,
    timeZone: is('timeZone') && mode === 'cron' ? draft.timeZone.trim() : undefined,
    jitterS: mode === 'cron' || mode === 'every' ? seconds('jitter') : undefined,
    graceS: seconds('grace'),
    maxAgeS: seconds('maxAge'),
    onlyWhen: is('acPower', 'unmetered', 'network', 'window', 'loadBelow', 'forceAfter')
      ? conditionsOf(draft)
      : undefined,
    retry: is('attempts', 'wait') ? retryOf(draft) : undefined,
  };
  const tuned = TUNING.filter((field) => is(field));
  return create(EditPlanRequestSchema, {
    ...timing,
    plan: draft.plan,
    revision,
    repo: is('repo') ? draft.repo : undefined,
    enabled: is('enabled') ? draft.enabled : undefined,
    paths: list('paths'),
    exclude: list('exclude'),
    iexclude: list('iexclude'),
    excludeIfPresent: list('excludeIfPresent'),
    excludeFile: list('excludeFile'),
    iexcludeFile: list('iexcludeFile'),
    oneFileSystem: is('oneFileSystem') ? draft.oneFileSystem : undefined,
    excludeCaches: is('excludeCaches') ? draft.excludeCaches : undefined,
    excludeLargerThan: is('excludeLargerThan')
      ? (sizeOf(draft.excludeLargerThan) ?? 0n)
      : undefined,
    skipIfUnchanged: is('skipIfUnchanged') ? draft.skipIfUnchanged : undefined,
    readConcurrency: is('readConcurrency') ? (number(draft.readConcurrency) ?? 0) : undefined,
    host: is('host') ? draft.host.trim() : undefined,
    retention: is('retention') ? draft.retention : undefined,
    tuning: Object.fromEntries(tuned.map((field) => [CONFIG_NAME[field], draft[field].trim()])),
  });
}

export interface Merged {
  /** Mine where I changed it, theirs where they did; mine where both did. */
  draft: Draft;
  /** Changed elsewhere and taken. */
  taken: FieldName[];
  /** Changed here and elsewhere, to different values. */
  conflicts: FieldName[];
}

/** What somebody else wrote meanwhile, under what is being typed. */
export function merged(base: Draft, mine: Draft, theirs: Draft): Merged {
  const elsewhere = changed(base, theirs);
  const here = changed(base, mine);
  const conflicts = elsewhere.filter(
    (field) => here.includes(field) && !same(mine[field], theirs[field]),
  );
  const taken = elsewhere.filter((field) => !here.includes(field));
  const draft = { ...mine, ...Object.fromEntries(taken.map((field) => [field, theirs[field]])) };
  return { draft, taken, conflicts };
}
