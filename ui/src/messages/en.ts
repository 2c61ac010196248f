// The words of the frame and of shared components. A page's words are in its own folder.
// A message is a text, or a function of what it names; numbers go through `plural`.
import { plural } from './plural';

const plans = (n: number) => plural(n, { one: 'plan', other: 'plans' });
const machines = (n: number) => plural(n, { one: 'machine', other: 'machines' });

/** Of several days. */
const outcomes = {
  good: 'good',
  warnings: 'with warnings',
  failed: 'failed',
  'some-failed': 'some failed',
  missed: 'missed',
  running: 'running',
  idle: 'nothing due',
  unseen: 'not seen',
};

export const words = {
  product: 'holdfast',
  title: (page: string, instance: string) =>
    instance ? `${page} · ${instance} · holdfast` : `${page} · holdfast`,
  plans,
  machines,
  unknown: 'unknown',

  nav: {
    main: 'Main',
    phone: 'Main, phone',
    machines: 'Machines',
    fleet: 'Fleet',
    operations: 'Operations',
    restore: 'Restore',
    peers: 'Peers',
    settings: 'Settings',
    more: 'More',
    skip: 'Skip to content',
    youAreOn: 'You are on',
    thisOne: 'this one',
    find: 'Find or do',
    findMachine: (n: number) => machines(n),
    all: (n: number) => `All ${n}`,
    needYou: 'need you',
    running: 'running',
    refused: 'refused',
    offline: (age: string) => `offline ${age}`,
    offlineNow: 'offline',
    nothingFound: 'No machine has that in its name.',
    crumbs: 'Breadcrumb',
  },

  /** Why something is only looked at. */
  needsRole: (role: string) => `needs the role ${role}`,
  /** And who gives another one. */
  roleOf: (role: string, here: string) =>
    `Yours is ${role}; an admin of ${here} gives another, in Settings under Users and keys.`,

  /** Titles of pages that are no place of the rail. */
  page: {
    welcome: 'Welcome',
    login: 'Log in',
    machine: 'Machine',
    newPlan: 'New plan',
    plan: 'Plan',
    editPlan: 'Edit plan',
    newRepo: 'New repo',
    repo: 'Repo',
    editRepo: 'Edit repo',
    snapshot: 'Snapshot',
    join: 'Join',
  },

  menu: {
    keyId: 'Key id',
    theme: 'Theme',
    system: 'As the system',
    light: 'Light',
    dark: 'Dark',
    keys: 'Single-key shortcuts',
    signOut: 'Sign out',
    create: 'Create a login',
    user: (name: string, role: string) => `Signed in as ${name}, ${role}`,
    login: 'Log in',
    shortcuts: 'Keyboard shortcuts',
  },

  palette: {
    label: 'Find a machine, plan or page, or do something',
    placeholder: 'Machine, plan, page or action',
    nothing: 'Nothing has that in its name.',
    results: (n: number) => plural(n, { one: 'result', other: 'results' }),
    page: 'Page',
    machine: 'Machine',
    plan: 'Plan',
    repo: 'Repo',
    notHere: (here: string) => `Repo, not on ${here}`,
    snapshot: 'Snapshot',
    operation: 'Operation',
    action: 'Action',
    runNow: (plan: string) => `Run ${plan} now`,
    pause: (plan: string) => `Pause ${plan} until resumed`,
    resume: (plan: string) => `Resume ${plan}`,
    check: (repo: string) => `Check ${repo}`,
    prune: (repo: string) => `Prune ${repo} …`,
    unlock: (repo: string) => `Unlock ${repo} …`,
    test: (peer: string) => `Test connection to ${peer}`,
    remove: (what: string) => `Remove ${what} …`,
    of: { plan: 'Action, plan', repo: 'Action, repo', peer: 'Action, peer' },
    theme: (which: string) => `Theme: ${which}`,
    openSnapshot: (id: string) => `Open snapshot ${id}`,
    openOperation: (id: string) => `Open operation ${id}`,
    newPlan: 'New plan',
    newRepo: 'New repo',
    createToken: 'Create a token',
    join: 'Join another machine',
  },

  keys: {
    title: 'Keyboard shortcuts',
    off: 'Single keys are off: of these only Ctrl K does something. The menu of this machine turns them on.',
    rows: [
      ['g f', 'Fleet'],
      ['g o', 'Operations'],
      ['g r', 'Restore'],
      ['g p', 'Peers'],
      ['g s', 'Settings'],
      ['j k', 'Next and previous row'],
      ['Enter', 'Open the row'],
      ['/', 'Filter'],
      ['Ctrl K', 'Find or do'],
      ['?', 'This list'],
    ] as [string, string][],
  },

  notice: {
    gone: (instance: string, since: string) => `No answer from ${instance} since ${since}.`,
    goneWhat: (seconds: string) => `What you see is from then. Retrying in ${seconds}.`,
    goneNow: 'What you see is from then. Retrying now.',
    retryNow: 'Retry now',
    storeLostWhat: 'Backups go on; peers keep what they had.',
    storeRepairing: 'History is being repaired.',
    configWrongWhat: (instance: string) => `${instance} keeps the last good one.`,
    show: 'Show',
    more: (n: number) => `${plural(n, { one: 'more notice', other: 'more notices' })}`,
  },

  region: {
    loading: (what: string) => `Loading ${what}`,
    retry: 'Retry',
    failed: (what: string) => `${what} could not be read.`,
    partly: 'Not everything is shown.',
    restLives: 'The rest of this page is live.',
    notFound: 'There is no such page',
    notFoundWhat: 'It may have been removed or renamed.',
    toFleet: 'To Fleet',
    soon: 'This page is being built',
    soonWhat: 'Until then, the command line has all of it: holdfast --help.',
    unread: (what: string) => `${what}: not read yet, nobody answers.`,
    asOf: (when: string) => `as of ${when}`,
  },

  list: {
    past: (rows: number) => `Skip ${plural(rows, { one: 'row', other: 'rows' })}`,
  },
  days: { from: 'From', until: 'Until' },
  moreChoices: 'More',
  dialog: {
    close: 'Close',
    cancel: 'Cancel',
    typeName: (name: string, act: string) => ({ before: 'Type ', name, after: ` to ${act}` }),
  },

  until: {
    day: 'Day',
    time: 'Time',
    zone: (zone: string) => `In the time of this browser, ${zone}.`,
    missing: 'Choose a day and a time.',
    over: 'That is over already.',
    tooFar: (when: string) => `At most until ${when}.`,
  },

  unlock: {
    title: (repo: string) => `Unlock ${repo}?`,
    act: (repo: string) => `Unlock ${repo}`,
    keep: 'Keep the lock',
    what: 'Locks whose process is known to be gone are removed.',
    whatAgain: 'Locks whose process is known to be gone are removed, and what failed runs again.',
    living:
      'A lock whose holder may still be working stays: nothing that is being written is harmed.',
  },
  copy: { copy: 'Copy', copied: 'Copied' },
  toast: {
    undo: 'Undo',
    dismiss: 'Dismiss',
    region: 'Messages',
    failed: (what: string, why: string) => `${what} did not work. ${why}`,
    again: 'Try again',
  },
  menuButton: 'More actions',
  limited: {
    needs: (permission: string, machine: string) =>
      ['needs ', permission, ` on ${machine}`] as const,
    copyLine: (machine: string) => `Copy the line for ${machine}`,
  },

  log: {
    label: 'Output',
    search: 'Search',
    follow: 'Follow',
    wrap: 'Wrap',
    download: 'Download',
    matches: (n: number) => plural(n, { one: 'match', other: 'matches' }),
    cut: 'Only the last 10 000 lines are shown.',
    empty: 'No output.',
  },

  ladder: {
    title: 'Connection test',
    copy: 'Copy report',
    all: 'All steps passed.',
    ms: (n: number) => `${n} ms`,
    steps: {
      url: 'URL',
      dns: 'DNS',
      tcp: 'TCP',
      tls: 'TLS',
      http2: 'HTTP/2',
      identity: 'Identity',
      grants: 'Grants',
      clock: 'Clock',
      version: 'Version',
    } as Record<string, string>,
    skipped: 'not tried',
    broke: {
      url: () => 'It cannot be reached from here.',
      dns: () => 'Its name leads nowhere.',
      tcp: (port) => (port ? `No answer on port ${port}.` : 'No answer.'),
      tls: () => 'No secure connection is made.',
      http2: () => 'What answers is not a holdfast instance.',
      identity: () => 'It does not prove who it is.',
      grants: () => 'The link is refused.',
      version: () => 'The two versions do not fit.',
    } as Record<string, (port: string) => string>,
  },

  save: {
    nothing: 'Nothing changed.',
    changes: (n: number) => plural(n, { one: 'change', other: 'changes' }),
    wrong: (n: number) => plural(n, { one: 'thing to correct', other: 'things to correct' }),
    discard: 'Discard',
  },

  age: {
    of: (allowed: string) => `of ${allowed}`,
    none: 'none',
    label: (age: string, allowed: string) => `${age} of ${allowed} allowed`,
  },

  strip: {
    days: (n: number) => `Last ${n} days`,
    good: 'good',
    warnings: 'good, with warnings',
    failed: 'failed',
    'some-failed': 'some runs failed',
    missed: 'should have run, did not',
    running: 'running',
    idle: 'nothing due',
    unseen: 'machine not seen',
    span: (from: string, to: string) => `${from} to ${to}`,
    /** `12 good`, `1 missed (Fri 20 Nov)` */
    counted: (many: number, what: keyof typeof outcomes, on: string[]) =>
      `${many} ${outcomes[what]}${on.length > 0 ? ` (${on.join(', ')})` : ''}`,
    howToRead: 'How to read the strip',
    howToReadTick: 'How to read a tick',
  },

  copies: {
    copies: (n: number) => (n >= 3 ? '3 copies' : 'fewer than 3 copies'),
    kinds: (n: number) => (n >= 2 ? '2 kinds of storage' : 'one kind of storage'),
    offSite: (n: number) => (n >= 1 ? 'off-site copy' : 'no off-site copy'),
    proven: 'restore proven within 90 d',
    unproven: 'restore not proven within 90 d',
    unknown: '3-2-1 unknown',
  },
};
