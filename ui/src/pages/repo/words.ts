// The words of a repo's page.
import { listed, plural } from '$/messages';

const snapshots = (n: number) => plural(n, { one: 'snapshot', other: 'snapshots' });

export const repoWords = {
  title: 'Repo',
  snapshots,
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
  /** Why a button is locked, by problem or state. */
  hindered: {
    password: 'its password does not open it',
    unopened: 'it could not be opened yet',
    uninitialised: 'it is not initialised yet',
    missing: 'it is not where it was',
    unreachable: 'its storage does not answer',
    disabled: 'it is disabled',
  } as Record<string, string | undefined>,
  owns: (who: string) => `${who} owns this repo.`,
  received: (owner: string) => `${owner} owns this repo and shares it. Here it is read-only.`,
  holds: (n: number, plans: number, machines: number) =>
    `It holds ${snapshots(n)} of ${plural(plans, { one: 'plan', other: 'plans' })} on ${plural(machines, { one: 'machine', other: 'machines' })}.`,
  withdrawn: (owner: string) => `${owner} owns this repo. Here it is read-only.`,
  shared: 'Shared',
  receivedChip: 'From a peer',
  notHere: (repo: string, here: string) => `${here} does not have the repo ${repo}`,
  notHereWhat: (machine: string) =>
    `It may have been removed or renamed, or ${machine} does not share it with this machine.`,

  facts: {
    label: 'This repo',
    where: 'Where',
    kind: 'Kind and place',
    noKind: 'kind not said',
    noPlace: 'not counted as off-site',
    change: 'change labels',
    howLong: 'How long',
    noForget: 'every plan by its own rules',
    forgetHint: 'for each machine and plan by itself',
    guid: 'guid',
    noGuid: 'not known yet',
    copyGuid: 'Copy the guid',
  },

  trouble: {
    label: 'Needs you',
    locked: (by: string) => `${by} holds a lock.`,
    lockedWhat: 'Backups go on; forget, prune and check wait.',
    unlock: (repo: string) => `Unlock ${repo}`,
    unlockAll: 'All locks',
    uninitialised: 'There is no repository at this place yet.',
    init: 'Initialise',
    password: 'The password that is set does not open this repository.',
    replacePassword: 'Replace password',
    unopened: 'This repository could not be opened yet.',
    edit: 'Look at its settings',
    missing: 'The repository is not where it was.',
    unreachable: 'The storage does not answer.',
    disabled: 'This repo is disabled.',
    checkNow: 'Check the connection',
    dropped: 'Not taken from its owner',
  },

  conflict: {
    title: 'Two repos are the same or have the same name',
    offered: 'Plans here may mean another repo',
    neither: 'Neither is used until one of them is given up.',
    kept: 'Nothing was overwritten: the one of this machine works as before.',
    here: (repo: string) => `${repo}, of this machine`,
    from: (repo: string, peer: string) => `${repo}, from ${peer}`,
    where: 'Where',
    guid: 'guid',
    size: 'Size',
    unknown: 'not known',
    same: 'Their guids are equal: they are one repository, or one is a copy of the other.',
    different: 'Their guids differ: they are two repositories with one name.',
    notKnown: 'Whether they are one repository is not known until both were opened.',
    keepOwn: (repo: string) => `Keep the one here, refuse ${repo}`,
    refuse: (repo: string) => `Refuse ${repo}`,
    snapshots: (repo: string) => `Look at the snapshots of ${repo}`,
  },

  unlock: {
    which: 'Which locks',
    choices: [
      {
        all: false,
        word: 'Those whose process is known to be gone',
        what: 'A lock whose holder may still be working stays.',
      },
      { all: true, word: 'All locks', what: 'Also those whose holder may still be working.' },
    ],
    allTitle: (repo: string) => `Remove every lock of ${repo}?`,
    allWhat:
      'If a holder is still working, the repository can be damaged: make sure that nothing writes to it, on any machine.',
    allAct: 'Remove all locks',
    typedFor: 'remove all locks',
  },

  upkeep: {
    title: 'Upkeep',
    operations: 'Operations',
    kind: 'Kind',
    last: 'Last',
    next: 'Next',
    never: 'never yet',
    manual: 'by hand only',
    notTold: 'not told',
    kinds: {
      check: 'Check',
      prune: 'Prune',
      forget: 'Forget',
      stats: 'Stats',
    } as Record<string, string>,
    owner: (owner: string) => `Forget, prune and check are done by ${owner}.`,
  },

  size: {
    title: 'Size',
    newest: 'newest snapshots, restored',
    each: 'Every measurement',
    measured: 'Last measured',
    none: 'Not measured yet.',
    measure: 'Measure now',
    unknown: 'unknown',
    stored: 'Stored',
    restored: 'Restored',
    snapshots: 'Snapshots',
    when: 'When',
    table: 'Show as table',
    chart: 'Show as chart',
    ratio: (times: string) => `restored is ${times} × stored`,
  },

  members: {
    title: 'Shared with',
    stay: 'they may back up here; forget, prune and check stay here',
    warning:
      'Every member can read everything in this repository, and holds credentials for its address.',
    machine: 'Machine',
    state: 'State',
    newest: 'Newest snapshot',
    none: 'none yet',
    states: {
      taken: 'Taken',
      sent: 'Sent',
      awaited: 'Sent when it connects',
      notGranted: 'Sent, not accepted there',
      deleted: 'Removed there',
      conflict: 'In conflict there',
      refused: 'Not used there',
      notSent: 'Not sent',
      leaving: 'Taken back, not told yet',
    },
    dropped: 'Left out there:',
    nobody: 'No peer may take repos from here. Grant it on Peers, in “take repos”.',
    grants: 'Grants',
  },

  by: {
    title: 'Snapshots',
    all: 'Browse all',
    plan: 'Machine / plan',
    count: 'Snapshots',
    newest: 'Newest',
    oldest: 'Oldest',
    size: 'Restored size',
    browse: 'Browse',
    untagged: 'never touched',
    none: 'No snapshot yet',
    noneWhat: 'It is there for the first backup of a plan.',
  },

  acts: {
    check: 'Check now',
    prune: (repo: string) => `Prune ${repo}`,
    stats: 'Measure',
    index: 'List the snapshots again',
    forget: 'Forget by its retention …',
    noForget: 'it has none of its own: each plan forgets by its own',
    unlock: 'Unlock …',
    command: 'Run a restic command …',
    share: (repo: string) => `Share ${repo}`,
    unshare: (repo: string) => `Un-share ${repo}`,
    edit: 'Edit',
    remove: 'Remove …',
    init: 'Initialise',
    started: (kind: string, repo: string) => `${kind} of ${repo} was started.`,
    open: 'Open operation',
    pruneTitle: (repo: string) => `Prune ${repo}?`,
    pruneWhat:
      'Data that no snapshot needs is removed for good. Snapshots stay. It can take long, and backups of other machines wait.',
    keep: 'Not now',
    unshareTitle: (repo: string) => `Un-share ${repo}?`,
    unshareWhat:
      'Plans of members that use it are disabled there. Nothing is deleted. A member may keep the credentials it had: change them at the storage.',
    unshareKeep: 'Keep sharing',
    removeTitle: (repo: string) => `Remove ${repo}?`,
    removeWhat:
      'It is taken out of this machine’s configuration with its credentials; plans on it are disabled. The repository and its snapshots stay where they are.',
    removeWarn: 'Its password is removed as well: without it nothing can be restored.',
    removeReceived: (owner: string) =>
      `It is not used here any more, and plans on it are disabled. ${owner} keeps it and its snapshots; it can be taken again.`,
    removeAct: (repo: string) => `Remove ${repo}`,
    removeFor: 'remove it',
    removed: (repo: string, plans: string) =>
      plans ? `${repo} was removed. Disabled: ${plans}.` : `${repo} was removed.`,
  },

  share: {
    title: (repo: string) => `Share ${repo}?`,
    act: (repo: string) => `Share ${repo}`,
    what: 'Peers that may take repos get it, with credentials. Every member can read everything in this repository.',
    peers: 'Peers',
    nobody: 'No peer is known yet: it is sent to those that may take it once they are paired.',
    lets: 'Also lets them receive it',
    fixed: {
      may: 'may take it already',
      excluded: 'its grant leaves this repo out: change it on its page in Peers',
      declared: 'its grants are in the config file, and changed there',
    } as Record<string, string | undefined>,
    done: (repo: string, names: string[]) =>
      names.length > 0 ? `${repo} is shared. ${listed(names)} may take it.` : `${repo} is shared.`,
    but: (repo: string, names: string, why: string) =>
      `${repo} is shared, but ${names} may not take it yet. ${why}`,
    memberUri: 'Address for members',
    memberHint: 'As members reach it; {instance} stands for the member. Empty: the address here.',
    memberPassword: 'File with the password for members',
  },

  forget: {
    title: (repo: string) => `What forget would do in ${repo}`,
    reading: 'Reading the snapshots',
    of: (machine: string, plan: string) => `${machine} / ${plan}`,
    rule: (rule: string) => `Retention: ${rule}`,
    sum: (stay: number, go: number) => `${snapshots(go)} would go, ${stay} stay.`,
    staying: (n: number) =>
      `${plural(n, { one: 'snapshot that stays', other: 'snapshots that stay' })}, and why`,
    act: (n: number) => `Delete ${snapshots(n)}`,
    nothing: 'Nothing would go.',
    typedFor: 'delete them',
  },

  command: {
    title: (repo: string) => `A restic command in ${repo}`,
    label: 'Subcommand and arguments',
    hint: 'Such as: list locks. Location and password are those of the repo; what it prints is in the operation.',
    run: 'Run command',
  },
};
