// The fields of a plan's form: texts, ticks and lists, each with its name in the config.

/** A plan as it is being written. What is typed stays as it is, whether it can be read or not. */
export interface Draft {
  plan: string;
  repo: string;
  enabled: boolean;
  paths: string[];
  exclude: string[];
  iexclude: string[];
  excludeIfPresent: string[];
  excludeFile: string[];
  iexcludeFile: string[];
  oneFileSystem: boolean;
  excludeCaches: boolean;
  excludeLargerThan: string;
  skipIfUnchanged: boolean;
  schedule: string;
  timeZone: string;
  jitter: string;
  grace: string;
  maxAge: string;
  retention: string;
  acPower: boolean;
  unmetered: boolean;
  network: boolean;
  window: string;
  loadBelow: string;
  forceAfter: string;
  attempts: string;
  wait: string;
  readConcurrency: string;
  host: string;
  upload: string;
  download: string;
  nice: string;
  io: string;
  memory: string;
  gogc: string;
  compression: string;
  packSize: string;
  stallAfter: string;
  maxRun: string;
}

export type FieldName = keyof Draft;
export type Value = Draft[FieldName];

/** As the daemon names each field in what it says is wrong. */
export const CONFIG_NAME: Record<FieldName, string> = {
  plan: 'plan',
  repo: 'repo',
  enabled: 'enabled',
  paths: 'paths',
  exclude: 'exclude',
  iexclude: 'iexclude',
  excludeIfPresent: 'exclude-if-present',
  excludeFile: 'exclude-file',
  iexcludeFile: 'iexclude-file',
  oneFileSystem: 'one-file-system',
  excludeCaches: 'exclude-caches',
  excludeLargerThan: 'exclude-larger-than',
  skipIfUnchanged: 'skip-if-unchanged',
  schedule: 'schedule',
  timeZone: 'time-zone',
  jitter: 'jitter',
  grace: 'grace',
  maxAge: 'max-age',
  retention: 'retention',
  acPower: 'only-when.ac-power',
  unmetered: 'only-when.unmetered',
  network: 'only-when.network',
  window: 'only-when.window',
  loadBelow: 'only-when.load-below',
  forceAfter: 'only-when.force-after',
  attempts: 'retry.attempts',
  wait: 'retry.wait',
  readConcurrency: 'read-concurrency',
  host: 'host',
  upload: 'upload',
  download: 'download',
  nice: 'nice',
  io: 'io',
  memory: 'memory',
  gogc: 'gogc',
  compression: 'compression',
  packSize: 'pack-size',
  stallAfter: 'stall-after',
  maxRun: 'max-run',
};

export const FIELDS = Object.keys(CONFIG_NAME) as FieldName[];

/** What the API takes by its name in the config, as it is written there. */
export const TUNING = [
  'upload',
  'download',
  'nice',
  'io',
  'memory',
  'gogc',
  'compression',
  'packSize',
  'stallAfter',
  'maxRun',
] as const satisfies FieldName[];

export const SPANS = ['jitter', 'grace', 'maxAge', 'forceAfter', 'wait'] as const;

/** The id of a field's control in the page, so that Save can bring there. */
export function anchor(field: FieldName): string {
  return `plan-${CONFIG_NAME[field].replace('.', '-')}`;
}

const OTHER_NAMES: Record<string, FieldName> = {
  id: 'plan',
  'only-when': 'window',
  retry: 'attempts',
  'stdin-command': 'paths',
  'stdin-name': 'paths',
};

/** The field that a name of the config is about: `limits.upload`, `schedule.cron`, `limits`. */
export function fieldNamed(name: string): FieldName | undefined {
  const bare = name.replace(/^limits\./, '');
  const exact = FIELDS.find((field) => CONFIG_NAME[field] === bare);
  const start = bare.split('.')[0] ?? '';
  if (exact) return exact;
  if (start === 'schedule') return fieldNamed(bare.slice(start.length + 1)) ?? 'schedule';
  return OTHER_NAMES[start] ?? FIELDS.find((field) => CONFIG_NAME[field] === start);
}
