// The words of the repo editor.
import { plural } from '$/messages';

export const editor = {
  newTitle: 'New repo',
  editTitle: (id: string) => `Edit ${id}`,
  what: 'Repo',
  lede: 'Where backups go. The storage is tried before anything is saved.',
  save: 'Save repo',
  add: 'Add repo',
  saved: (id: string) => `${id} was saved.`,
  readOnly: 'This repo cannot be changed here.',
  editing: 'Editing a repo',
  adding: 'Adding a repo',
  crumb: { edit: 'Edit', new: 'New repo' },
  toRepo: 'To the repo',
  toMachine: (machine: string) => `To ${machine}`,
  sections: {
    where: 'Where',
    secret: 'Password and credentials',
    labels: 'Labels',
    upkeep: 'Upkeep',
    sharing: 'Sharing',
    more: 'More',
    toml: 'As TOML',
  },
  labels: {
    repo: 'Name',
    uri: 'Address',
    passwordKind: 'Password of the repository',
    password: 'Password',
    env: 'Credentials of the storage',
    kind: 'Kind',
    place: 'Place',
    memberUri: 'Address for members',
    memberPasswordFile: 'File with the password for members',
    forget: 'Keep',
    forgetSchedule: 'Forget',
    pruneSchedule: 'Prune',
    maxUnused: 'Unused data that may stay',
    checkSchedule: 'Check',
    readData: 'Data to read at each check',
    statsSchedule: 'Measure',
    parallel: 'Operations at once',
    lockWait: 'Wait for a lock',
    lockAlarm: 'Tell of a lock after',
    retryAttempts: 'Attempts at upkeep, in all',
    retryWait: 'Wait before the second attempt',
    tuning: 'Other settings',
    shared: 'Shared',
  } as Record<string, string>,
  hints: {
    repo: 'Letters, digits, . _ -',
    memberUri: 'As members reach it; {instance} stands for the member. Empty: the address here.',
    kind: 'What it is: disk, server, cloud. For counting kinds of storage.',
    place: 'Such as off-site. Without it, it is not counted as off-site.',
    forget:
      'For each machine and plan by itself, such as daily=30,monthly=12. Empty: plans have their own.',
    maxUnused: '10%, 500M or unlimited',
    readData: '5% or 1/20: the next part each time',
    parallel: '0: no limit of its own',
    lockWait: 'Up to 7d; 0s: what finds a lock fails at once. Empty: 1h.',
    lockAlarm: 'How long a lock may be in the way before hooks hear of it, up to 31d. Empty: 6h.',
    retryAttempts:
      'How often forget, prune, check and stats that were due are tried, 1 to 10. Empty: 3, after 5m.',
    retryWait: 'After the first failure, 1s to 6h; each further wait is four times as long.',
    tuning: 'One a line: key = value, as in the config file.',
  } as Record<string, string>,
  backend: 'Storage',
  example: (address: string) => `Such as ${address}`,
  sources: { keep: 'As it is', password: 'Typed', file: 'From a file' },
  keptCommand: 'what this command prints:',
  keptCommandHint: 'A command is written in the config file only.',
  keptFile: 'what is in this file:',
  stored: 'stored, and never shown',
  generate: 'Make one',
  generated: 'Copy it now and keep it somewhere else: without it nothing can be restored.',
  replace: 'Replace',
  removeVariable: (name: string) => `Remove ${name}`,
  addVariable: 'Add a variable',
  variable: 'Variable',
  value: 'Value',
  pasteHint: 'Lines NAME=VALUE pasted as a name make a row each.',
  pasted: (n: number, unread: number) => {
    const taken = `${plural(n, { one: 'variable', other: 'variables' })} pasted.`;
    const lines = plural(unread, { one: 'line', other: 'lines' });
    return unread > 0 ? `${taken} ${lines} left out: not NAME=VALUE.` : taken;
  },
  willGo: 'removed when saved',
  undo: 'Undo',
  noInit: 'Only adopt: a repository that is not there is an error',
  noTest: 'Save without trying the storage',
  share: 'Share it with peers that may take repos',
  test: 'Test the connection',
  testing: 'Looking at the storage',
  guid: 'guid',
  tomlHint: 'As it would be written, without secrets.',
  wrong: {
    number: (text: string) => `“${text}” is no number.`,
    span: (text: string) => `“${text}” is no length of time. Write it like 90s, 5m or 6h.`,
  },
  taken: (fields: string) => `Changed elsewhere and taken over: ${fields}.`,
};

export interface Backend {
  value: string;
  word: string;
  starts: string;
  example: string;
  env: string[];
  kind: string;
}

/** As restic writes them. */
export const backends: Backend[] = [
  {
    value: 'folder',
    word: 'Folder or disk',
    starts: '/',
    example: '/mnt/disk/restic',
    env: [],
    kind: 'disk',
  },
  {
    value: 'rest',
    word: 'REST server',
    starts: 'rest:',
    example: 'rest:https://vault.example/nas/',
    env: ['RESTIC_REST_USERNAME', 'RESTIC_REST_PASSWORD'],
    kind: 'server',
  },
  {
    value: 'sftp',
    word: 'SFTP',
    starts: 'sftp:',
    example: 'sftp:backup@vault.example:/srv/restic',
    env: [],
    kind: 'server',
  },
  {
    value: 's3',
    word: 'S3',
    starts: 's3:',
    example: 's3:https://s3.example/bucket/nas',
    env: ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'],
    kind: 'cloud',
  },
  {
    value: 'b2',
    word: 'Backblaze B2',
    starts: 'b2:',
    example: 'b2:bucket:nas',
    env: ['B2_ACCOUNT_ID', 'B2_ACCOUNT_KEY'],
    kind: 'cloud',
  },
  {
    value: 'azure',
    word: 'Azure',
    starts: 'azure:',
    example: 'azure:container:/nas',
    env: ['AZURE_ACCOUNT_NAME', 'AZURE_ACCOUNT_KEY'],
    kind: 'cloud',
  },
  {
    value: 'gs',
    word: 'Google Cloud Storage',
    starts: 'gs:',
    example: 'gs:bucket:/nas',
    env: ['GOOGLE_PROJECT_ID', 'GOOGLE_APPLICATION_CREDENTIALS'],
    kind: 'cloud',
  },
  {
    value: 'swift',
    word: 'OpenStack Swift',
    starts: 'swift:',
    example: 'swift:container:/nas',
    env: ['OS_AUTH_URL', 'OS_USERNAME', 'OS_PASSWORD'],
    kind: 'cloud',
  },
  {
    value: 'rclone',
    word: 'rclone',
    starts: 'rclone:',
    example: 'rclone:drive:backup',
    env: [],
    kind: 'cloud',
  },
];

export function backendOf(uri: string): Backend | undefined {
  return backends.find(({ starts }) => uri.startsWith(starts));
}
