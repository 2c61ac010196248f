// The form of a repo as texts, what differs from what is written, and the requests that it becomes.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  AddRepoRequest,
  AddRepoRequestSchema,
  EditRepoRequestSchema,
  UpkeepSettingsSchema,
} from '$/gen/holdfast/api/v1/api_pb';

export const TEXTS = ['forget', 'forgetSchedule', 'pruneSchedule', 'maxUnused'] as const;
export const MORE = ['checkSchedule', 'readData', 'statsSchedule'] as const;
const UPKEEP = [...TEXTS, ...MORE] as const;
const NUMBERS = ['parallel', 'lockWaitS'] as const;
const PLAIN = ['uri', 'kind', 'place', 'memberUri', 'memberPasswordFile'] as const;

export const FIELDS = [...PLAIN, ...UPKEEP, ...NUMBERS, 'tuning'] as const;
export type FieldName = (typeof FIELDS)[number];
export type Fields = Record<FieldName, string>;

export type Source = 'keep' | 'password' | 'file';

/** What is only ever written, never read back. */
export interface Secrets {
  source: Source;
  secret: string;
  /** Set or replaced. */
  env: { name: string; value: string }[];
  removed: string[];
}

export interface Switches {
  noInit: boolean;
  noTest: boolean;
  shared: boolean;
}

export function fieldsOf(repo: AddRepoRequest | undefined): Fields {
  const fields = Object.fromEntries(FIELDS.map((name) => [name, ''])) as Fields;
  if (!repo) return fields;
  for (const name of PLAIN) fields[name] = repo[name] ?? '';
  for (const name of UPKEEP) fields[name] = repo.upkeep?.[name] ?? '';
  for (const name of NUMBERS) fields[name] = repo.upkeep?.[name]?.toString() ?? '';
  fields.tuning = lines(repo.tuning);
  return fields;
}

function lines(map: Record<string, string>): string {
  return Object.entries(map)
    .map(([key, value]) => `${key} = ${value}`)
    .join('\n');
}

function tuningOf(text: string): Record<string, string> {
  const pairs = text
    .split('\n')
    .map((line) => line.split(/=(.*)/s).map((part) => part.trim()))
    .filter(([key]) => key);
  return Object.fromEntries(pairs.map(([key, value]) => [key, value ?? '']));
}

export function changed(base: Fields, now: Fields): FieldName[] {
  return FIELDS.filter((name) => base[name].trim() !== now[name].trim());
}

/** Only what differs: an empty text removes what it is about. */
function upkeepOf(base: Fields, now: Fields): MessageInitShape<typeof UpkeepSettingsSchema> {
  const differs = new Set(changed(base, now));
  const upkeep: MessageInitShape<typeof UpkeepSettingsSchema> = {};
  for (const name of UPKEEP) if (differs.has(name)) upkeep[name] = now[name].trim();
  if (differs.has('parallel')) upkeep.parallel = whole(now.parallel);
  if (differs.has('lockWaitS')) upkeep.lockWaitS = BigInt(whole(now.lockWaitS));
  return upkeep;
}

function whole(text: string): number {
  const value = Number.parseInt(text, 10);
  return Number.isFinite(value) && value >= 0 ? value : 0;
}

function passwordOf({ source, secret }: Secrets) {
  return source === 'keep' ? undefined : { [source]: secret };
}

function envOf({ env }: Secrets): Record<string, string> {
  const given = env.filter(({ name }) => name.trim() !== '');
  return Object.fromEntries(given.map(({ name, value }) => [name.trim(), value]));
}

export interface Draft {
  repo: string;
  base: Fields;
  now: Fields;
  secrets: Secrets;
  switches: Switches;
}

export function addRequest(draft: Draft): MessageInitShape<typeof AddRepoRequestSchema> {
  const { repo, base, now, secrets, switches } = draft;
  return {
    repo: repo.trim(),
    uri: now.uri.trim(),
    password: passwordOf(secrets),
    env: envOf(secrets),
    memberUri: now.memberUri.trim() || undefined,
    memberPasswordFile: now.memberPasswordFile.trim() || undefined,
    tuning: tuningOf(now.tuning),
    upkeep: upkeepOf(base, now),
    kind: now.kind.trim() || undefined,
    place: now.place.trim() || undefined,
    ...switches,
  };
}

export function editRequest(
  draft: Draft,
  revision: string,
): MessageInitShape<typeof EditRepoRequestSchema> {
  const { repo, base, now, secrets, switches } = draft;
  const differs = new Set(changed(base, now));
  const text = (name: FieldName) => (differs.has(name) ? now[name].trim() : undefined);
  // A key that was taken out of the list is removed.
  const gone = Object.keys(tuningOf(base.tuning)).map((key) => [key, '']);
  const tuning = { ...Object.fromEntries(gone), ...tuningOf(now.tuning) };
  return {
    repo,
    uri: text('uri'),
    password: passwordOf(secrets),
    env: envOf(secrets),
    envRemoved: secrets.removed,
    memberUri: text('memberUri'),
    memberPasswordFile: text('memberPasswordFile'),
    tuning: differs.has('tuning') ? tuning : {},
    upkeep: upkeepOf(base, now),
    kind: text('kind'),
    place: text('place'),
    noTest: switches.noTest,
    revision,
  };
}

/** What was changed elsewhere meets what is being typed: only what both changed is asked about, until it
 *  is settled. */
export function merged(base: Fields, now: Fields, theirs: Fields, asked: FieldName[] = []) {
  const next = { ...now };
  const conflicts: FieldName[] = [];
  const taken: FieldName[] = [];
  for (const name of new Set([...changed(base, theirs), ...asked])) {
    if (now[name].trim() === theirs[name].trim()) continue;
    if (now[name].trim() === base[name].trim()) {
      next[name] = theirs[name];
      taken.push(name);
    } else conflicts.push(name);
  }
  return { next, conflicts, taken };
}

/** As the config names them, to fields of the form. */
const PROBLEM_FIELDS: Record<string, FieldName | 'repo' | 'password' | 'env'> = {
  id: 'repo',
  repo: 'repo',
  uri: 'uri',
  password: 'password',
  'password-file': 'password',
  'password-command': 'password',
  env: 'env',
  'member-uri': 'memberUri',
  'member-password-file': 'memberPasswordFile',
  forget: 'forget',
  'forget-schedule': 'forgetSchedule',
  prune: 'pruneSchedule',
  'max-unused': 'maxUnused',
  check: 'checkSchedule',
  'read-data': 'readData',
  stats: 'statsSchedule',
  parallel: 'parallel',
  'lock-wait': 'lockWaitS',
  kind: 'kind',
  place: 'place',
};

export function fieldOf(problem: string): string {
  return PROBLEM_FIELDS[problem] ?? PROBLEM_FIELDS[problem.split('.')[0] ?? ''] ?? 'tuning';
}

/** 24 characters that are not mistaken for each other: 120 bits and more. */
export function makePassword(): string {
  const letters = 'abcdefghijkmnpqrstuvwxyzACDEFGHJKLMNPQRTUVWXY34679';
  const bytes = crypto.getRandomValues(new Uint32Array(24));
  return [...bytes].map((byte) => letters[byte % letters.length]).join('');
}
