// The words of a machine's page.
import { listed, words as common } from '$/messages';

const { plans } = common;

export const machine = {
  missing: 'There is no such machine',
  missingWhat: 'It may have been removed or renamed.',
  lede: {
    none: (name: string) => `${name} has no plan that is seen here.`,
    noneHere: 'Nothing is backed up here yet.',
    need: (n: number, all: number) =>
      all === 1 ? 'Its one plan needs you.' : `${n} of ${plans(all)} need you.`,
    good: (n: number) =>
      n === 1
        ? 'Its one plan is backed up in time'
        : n === 2
          ? 'Both plans are backed up in time'
          : `All ${plans(n)} are backed up in time`,
    some: (n: number, all: number) => `${n} of ${plans(all)} are backed up in time`,
    warnings: (n: number) => (n === 1 ? 'one with warnings' : `${n} with warnings`),
    seenOne: 'as last seen',
    seen: (n: number) => (n === 1 ? 'one as last seen' : `${n} as last seen`),
  },
  via: {
    dials: (from: string, to: string) => `${from} dials ${to}.`,
    log: 'What you see here is what its own log says; it is changed there.',
    behind: 'The newest of its log has not arrived yet.',
    /** How it stands with one that is not in sight. */
    away: { refused: 'refused', incompatible: 'incompatible' } as Record<string, string>,
    outOfSight: 'out of sight',
    asOf: (name: string, stands: string, when: string) =>
      `${name} is ${stands}. What you see is as of ${when}.`,
    never: (name: string, stands: string) => `${name} is ${stands}.`,
  },
  facts: {
    label: 'This machine',
    heard: 'Last heard',
    ago: (age: string) => `${age} ago`,
    listens: 'Listens on',
    loopback: 'only this machine can reach it',
    beyond: 'other machines can reach it',
    never: 'never',
    since: (what: string, when: string) => `${what} since ${when}`,
    class: 'Class',
    notTold: 'not told',
    allowed: {
      server: '1.5 × a plan’s longest gap',
      desktop: '3 d without a backup are allowed',
      laptop: '7 d without a backup are allowed',
      'rarely-on': '30 d without a backup are allowed',
    } as Record<string, string>,
    clock: 'Clock',
    ahead: (much: string, here: string) => `${much} ahead of ${here}`,
    behind: (much: string, here: string) => `${much} behind ${here}`,
    even: (here: string) => `as on ${here}`,
    corrected: 'ages are corrected by it',
    own: 'its own',
    clockHere: 'ages are told by it',
    key: 'Key',
    copyKey: 'Copy the key id',
    version: (version: string) => `version ${version}`,
    restic: (version: string) => `restic ${version}`,
    unknown: 'version not told',
  },
  removed: {
    title: 'Removed plans',
    kept: 'kept as written until',
    back: 'Bring it back',
    backOne: (plan: string) => `Bring back ${plan}`,
  },
  plans: {
    title: 'Plans',
    next: (plan: string, when: string) => `next: ${plan} ${when}`,
    plan: 'Plan',
    state: 'State',
    age: 'Newest good backup, of allowed',
    days: 'Last 14 days',
    acts: 'Actions',
    run: 'Run now',
    hidden: (peer: string, here: string) => `${peer} does not show ${here} everything.`,
    notRun: (peer: string, here: string) => `${peer} does not let ${here} start its plans.`,
    empty: 'No plan yet',
    emptyWhat: 'A plan says what is saved, where to and when.',
    unseen: (peer: string) => `${peer} shows no plan here.`,
    unseenWhat: (here: string, some: boolean) =>
      some
        ? `If it has any, they are not among what ${here} may see there.`
        : `To see them, ${here} needs read-operations there.`,
    noneThere: (peer: string) => `${peer} has no plan yet`,
    noneThereWhat: (here: string) => `What it backs up one day is shown here: ${here} may see it.`,
  },
  repos: {
    title: 'Repos',
    repo: 'Repo',
    from: 'From',
    state: 'State',
    check: 'Last check',
    prune: 'Last prune',
    acts: 'Actions',
    own: 'its own',
    shared: 'its own, shared',
    received: (name: string) => `shared by ${name}`,
    to: (name: string) => `${name}, shared with here`,
    never: 'never',
    unlock: 'Unlock',
    unlocked: (repo: string) => `${repo} is being unlocked.`,
    none: 'No repo yet',
    noneWhat: 'A repo is where snapshots are kept.',
    noneFrom: (peer: string) => `No repo of ${peer} is shared with this machine.`,
    states: {
      ready: 'Ready',
      uninitialised: 'Not initialised',
      missing: 'Missing',
      locked: 'Locked',
      unreachable: 'Unreachable',
      conflict: 'Conflict',
      disabled: 'Disabled',
    } as Record<string, string>,
    notOpened: 'Not opened yet',
    locked: (by: string) => `Locked by ${by}`,
  },
  there: {
    title: 'Repos there',
    about: 'as its plans and operations name them',
    none: (peer: string) => `No plan or operation of ${peer} that is seen here names a repo.`,
    plans: 'Plans',
    noPlan: 'no plan seen',
    last: 'Last upkeep',
    noLast: 'no upkeep seen',
    ours: (here: string) => `kept by ${here}`,
    upkeep: (repo: string) => `Upkeep of ${repo}`,
    prune: 'Prune …',
    notGranted: (peer: string, here: string, what: string) =>
      `${here} needs run-operations=${what === '*' ? what : `repo:${what}`} on ${peer}`,
    perhaps: (peer: string) =>
      `${peer} grants this with exceptions that are not told: what touches them it refuses.`,
    full: (repo: string, peer: string) => `${repo} on ${peer}`,
    unlockAll: (peer: string) =>
      `A lock whose holder may still be working stays: only on ${peer} all of them can be removed.`,
    forgetTitle: (repo: string) => `Forget snapshots in ${repo}?`,
    forgetAct: 'Forget snapshots',
    forgetKeep: 'Keep them',
    forgetWhat: (peer: string) =>
      `The retention that is set for it on ${peer} decides which snapshots go. Which they are is not told here beforehand, and they cannot be brought back.`,
  },
  ops: {
    title: 'Recent operations',
    all: (name: string) => `All of ${name}`,
    none: 'Nothing has run yet.',
    of: (kind: string, repo: string) => `${kind} of ${repo}`,
  },
  grants: {
    title: 'Grants',
    edit: 'Edit grants',
    there: (here: string) => `${here} may, there`,
    here: (peer: string) => `${peer} may, here`,
    shared: 'Shared between them',
    nothing: 'nothing',
    beside: 'nothing besides the shared repos',
    exceptions: 'with exceptions',
    everything: 'everything',
    verbs: {
      'read-operations': 'See operations',
      'run-operations': 'Run plans',
      'receive-shared-repos': 'Take repos',
      'send-shared-repos': 'Send repos',
      'read-config': 'See settings',
      'write-config': 'Change settings',
      'read-files': 'Read files',
      restore: 'Restore',
    } as Record<string, string>,
    only: (what: string) => `only ${what}`,
    but: (what: string) => `all but ${what}`,
  },
  config: {
    title: 'Configuration',
    hidden: (here: string) => `Not shown to ${here}.`,
    what: (here: string, peer: string) =>
      [
        'To see its repos, plans and settings ' + here + ' needs ',
        'read-config',
        ` on ${peer}; to see and change them, `,
        'write-config',
      ] as const,
    file: 'Config file',
  },
  acts: {
    test: 'Test connection',
    pause: 'Pause all',
    resume: 'Resume all',
    newPlan: 'New plan',
    newRepo: 'New repo',
    rename: 'Rename …',
    verify: 'Check what is held of its history',
    remove: 'Remove …',
    peer: 'Open in Peers',
    settings: 'Settings',
    paused: (n: number) => `${plans(n)} paused.`,
    resumed: (n: number) => `${plans(n)} run by their schedules again.`,
  },
  test: {
    title: (peer: string) => `Connection to ${peer}`,
    running: 'Trying it step by step …',
    again: 'Test again',
  },
  verify: {
    title: (peer: string) => `History held of ${peer}`,
    running: 'Checking every entry …',
  },
  rename: {
    title: (peer: string) => `Rename ${peer}`,
    field: 'Our label of it',
    hint: (instance: string) =>
      `Only shown here. It calls itself ${instance}; an empty label shows that.`,
    act: 'Save label',
    done: (name: string) => `It is called ${name} here.`,
  },
  remove: {
    title: (peer: string) => `Remove ${peer}?`,
    act: (peer: string) => `Remove ${peer}`,
    for: 'remove it',
    keep: 'Keep it',
    what: 'It is told, its session is closed, and its key is refused from now on. Its history stays here; nothing is deleted on either side.',
    stops: (names: string[]) =>
      `These plans of this machine use a repo of it, and stop: ${listed(names)}.`,
    rotate: (names: string[]) =>
      `It knows the credentials of ${listed(names)}: change them in the storage.`,
    done: (peer: string) => `${peer} is removed.`,
    stopped: (peer: string, names: string[]) =>
      `${peer} is removed. Stopped here: ${listed(names)}.`,
  },
};
