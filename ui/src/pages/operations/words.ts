// The words of Operations, and of runs wherever they are drawn.
import { plural } from '$/messages';

const operations = (n: number) => plural(n, { one: 'operation', other: 'operations' });
const records = (n: number) => plural(n, { one: 'record', other: 'records' });
const flows = (n: number) => plural(n, { one: 'flow', other: 'flows' });

export const ops = {
  title: 'Operations',
  kinds: {
    backup: 'Backup',
    forget: 'Forget',
    prune: 'Prune',
    check: 'Check',
    restore: 'Restore',
    stats: 'Stats',
    index: 'Index',
    hook: 'Hook',
    command: 'Command',
    unlock: 'Unlock',
    init: 'Init',
  } as Record<string, string>,
  live: (n: number) => `Live from ${plural(n, { one: 'machine', other: 'machines' })}.`,
  liveAlone: 'Live from this machine.',
  asOf: (machine: string, when: string) => `${machine}’s part is as of ${when}.`,
  asOfMany: (n: number) =>
    `${plural(n, { one: 'machine is', other: 'machines are' })} out of sight: their part is as it was last seen.`,
  grouping: 'Grouping',
  byFlow: 'By flow',
  oneByOne: 'One by one',
  export: 'Export',
  exportCsv: 'As CSV, by these filters',
  exportJson: 'As JSON, by these filters',
  exportProof: 'With proof …',
  exporting: (n: number) => `Reading operations: ${n} so far.`,
  exported: (n: number) => `${operations(n)} exported.`,
  proof: {
    title: 'Export a history with proof',
    what: 'All of one machine’s history as JSON lines, whatever the filters: every entry of its log, the chain that binds them, and the checkpoint that the machine signed.',
    check: 'Anybody can check the file, without a daemon:',
    copy: 'Copy the command that checks it',
    act: 'Export history',
    reading: (n: number) => `${records(n)} read so far.`,
    done: (n: number) => `${records(n)} exported with proof.`,
  },
  filters: {
    label: 'Filter operations',
    machine: 'Machine',
    plan: 'Plan',
    repo: 'Repo',
    kind: 'Kind',
    state: 'State',
    time: 'Time',
    contains: 'Contains',
    containsHint: 'Path, id or message',
    all: 'All',
    day: 'Last 24 hours',
    week: 'Last 7 days',
    month: 'Last 30 days',
    ever: 'All time',
    days: 'From … to …',
    button: 'Filter',
    show: 'Show operations',
    clear: 'Clear filters',
  },
  running: 'Running now',
  ran: 'Running when last heard',
  /** How what runs for a plan goes with its repo. */
  near: (kind: string) => ({ backup: 'to', restore: 'from' })[kind] ?? 'in',
  started: (when: string, age: string) => `started ${when}, ${age} ago`,
  of: (done: string, total: string) => `${done} of ${total}`,
  read: (bytes: string) => `${bytes} read`,
  left: (age: string) => `about ${age} left`,
  files: (done: string, total: string) => `${done} of ${total} files`,
  noProgress: 'Under way. How far is not known yet.',
  cancel: {
    button: 'Cancel',
    title: (what: string) => `Cancel ${what}?`,
    act: (kind: string) => `Cancel ${kind.toLowerCase()}`,
    keep: 'Let it run',
    keepWaiting: 'Let it wait',
    waiting: 'It has not begun, and will not. What its schedule has due later still runs.',
    backup:
      'restic is interrupted and unlocks. No snapshot is made; what was sent stays in the repo and need not be sent again.',
    other: 'restic is interrupted and unlocks. What it did so far stays as it is.',
    done: (what: string) => `${what} is being cancelled.`,
  },
  count: (n: number, failed: number, byFlow: boolean) => {
    const all = byFlow ? flows(n) : operations(n);
    return failed > 0 ? `${all}, ${failed} failed` : all;
  },
  today: 'Today',
  zoned: (day: string, zone: string) => `${day}, ${zone} time`,
  yesterday: 'Yesterday',
  fresh: (n: number) => `${n} new`,
  showFresh: (n: number) => `Show ${plural(n, { one: 'new operation', other: 'new operations' })}`,
  older: 'Show older',
  loadingOlder: 'Reading older ones …',
  end: 'That is all there is.',
  nothing: 'No operation matches',
  nothingWhat: 'Nothing that is known here has all of these.',
  noneRuns: 'Nothing runs now',
  noneRunsWhat: 'What begins is shown here by itself.',
  none: 'Nothing has run yet',
  noneWhat: 'Every backup, check and restore will be listed here, of all machines you see.',
  gone: (machine: string) => `no longer on ${machine}`,
  detail: {
    one: 'Operation',
    all: 'All operations',
    step: 'Step',
    happened: 'What happened',
    why: 'Why',
    todo: 'What to do',
    nothing: 'Nothing.',
    unread: 'Files that could not be read',
    moreErrors: (n: number) => `and ${n} more`,
    output: 'restic output',
    noOutput: 'There is no output of this one.',
    facts: 'Facts',
    id: 'Id',
    began: 'Began',
    ended: 'Ended',
    snapshot: 'Snapshot',
    snapshotGone: (when: string) => `no longer in the repo since ${when}`,
    filesRead: 'Files',
    filesText: (fresh: string, changed: string, same: string) =>
      `${fresh} new, ${changed} changed, ${same} as before`,
    data: 'Data',
    dataText: (read: string, added: string) => `${read} read, ${added} added`,
    machine: 'Machine',
    removeButton: 'Remove from history',
    remove: {
      title: 'Remove this operation from the history?',
      act: 'Remove operation',
      keep: 'Keep it',
      what: 'It is hidden here, and marked as archived on the machines that hold this history. The log says that it was removed.',
      done: 'The operation is removed.',
    },
    again: 'Run again',
    unlockAgain: 'Unlock and run again',
    elsewhere: (machine: string) => `It can be run again on ${machine}.`,
    lockHint: 'Only locks whose process is gone are removed; a living one keeps its own.',
    plan: 'Open plan',
    repo: 'Open repo',
    browse: 'Browse snapshot',
    editPlan: 'Edit plan',
    states: {
      pending: 'It waits to begin.',
      running: 'It is under way.',
      succeeded: 'It ended well.',
      warning: 'It ended with its result, and with something to look at.',
      failed: 'It failed.',
      cancelled: 'It was stopped before its end.',
      skipped: 'It did not run.',
      lost: 'No end of it is known: its daemon ended while it ran.',
    } as Record<string, string>,
    failedBackup: 'No snapshot was made.',
    saved: (size: string, repo: string) =>
      `A snapshot was made, and ${size} were added to ${repo}.`,
    partly: (n: number) =>
      `A snapshot was made without ${plural(n, { one: 'file', other: 'files' })} that could not be read.`,
    after: (time: string) => `It took ${time}.`,
    unreadTodo: 'Leave these files out of the plan, or let the daemon’s user read them.',
    skippedTodo: 'Nothing, if the next run is soon enough.',
    otherTodo: 'Look at the output beside.',
    gone: (machine: string) =>
      `${machine} has removed it from its own history; this copy is kept here.`,
    unknown: 'There is no such operation',
    unknownWhat:
      'It may have been removed from the history, or it belongs to a machine you do not see.',
  },
};

/** `backup of desktop / home` */
export function whatOf(kind: string, title: string): string {
  return `${kindWord(kind).toLowerCase()} of ${title}`;
}

/** `Backup` and the like; what is not known stays as it is. */
export function kindWord(kind: string): string {
  return ops.kinds[kind] ?? kind;
}
