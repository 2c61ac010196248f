// The form of a repo as texts, what differs from what is written, and the requests that it becomes.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  AddRepoRequest,
  AddRepoRequestSchema,
  EditRepoRequestSchema,
} from '$/gen/holdfast/api/v1/api_pb';
import { UPKEEP, upkeepRequest, upkeepTexts } from './upkeep';

const PLAIN = ['uri', 'kind', 'place', 'memberUri', 'memberPasswordFile'] as const;

export const FIELDS = [...PLAIN, ...UPKEEP, 'tuning'] as const;
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
  return { ...fields, ...upkeepTexts(repo.upkeep), tuning: lines(repo.tuning) };
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

/** A command is not taken over HTTP: the form only says where it is written. */
export function givesPassword({ source }: Secrets): boolean {
  return source === 'password' || source === 'file';
}

function passwordOf(secrets: Secrets) {
  return givesPassword(secrets) ? { [secrets.source]: secrets.secret } : undefined;
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
    upkeep: upkeepRequest(changed(base, now), now),
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
    upkeep: upkeepRequest(changed(base, now), now),
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
  'lock-wait': 'lockWait',
  'lock-alarm': 'lockAlarm',
  'retry-attempts': 'retryAttempts',
  'retry-wait': 'retryWait',
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
