// The words of components that only editors use; apart from `en.ts`, to stay off the first page.
import { form, plural } from './plural';

const fields = (n: number) => plural(n, { one: 'field', other: 'fields' });
const snapshots = (n: number) => plural(n, { one: 'snapshot', other: 'snapshots' });

export const editingWords = {
  conflict: {
    title: (n: number) =>
      `${fields(n)} ${form(n, { one: 'was', other: 'were' })} changed here and elsewhere`,
    what: 'Nothing is saved yet, and nothing you typed is lost. Choose for each which one counts.',
    mine: 'Yours',
    theirs: 'Written meanwhile',
    before: 'Before',
    nothing: 'nothing',
    keepMine: 'Keep yours',
    takeTheirs: 'Take theirs',
    choose: (field: string) => `Which value of ${field} counts`,
    open: (n: number) => plural(n, { one: 'conflict to settle', other: 'conflicts to settle' }),
  },

  field: {
    changed: 'changed',
    none: 'none',
  },

  schedule: {
    modes: { cron: 'Cron', every: 'Every', after: 'After a plan', manual: 'Manual' },
    every: 'Every',
    everyHint: 'Such as 90m, 6h or 2d.',
    after: 'After',
    cron: 'Cron',
    cronHint: 'Minute, hour, day, month, weekday.',
    zone: 'Time zone',
    zoneOwn: 'the machine’s own',
    jitter: 'Later by up to',
    jitterHint: 'So that not all start at once: 20m',
    noPlans: 'There is no other plan to follow.',
    next: 'Next 5 runs',
    later: (gap: string) => `${gap} later`,
    noRuns: 'It is started by hand, and nobody is told when it is not.',
    noneAhead: 'No run is ahead.',
    gap: 'Longest gap',
    inside: (gap: string, allowed: string) => `${gap}, inside ${allowed}`,
    outside: (gap: string, allowed: string) => `${gap}, longer than the allowed ${allowed}`,
    clockChange: 'Summer time',
    unread: 'What it means shows as soon as it can be read.',
  },

  retention: {
    modes: { buckets: 'Buckets', within: 'Within', 'keep-all': 'Keep all', none: 'None' },
    counts: {
      last: 'Last',
      hourly: 'Hourly',
      daily: 'Daily',
      weekly: 'Weekly',
      monthly: 'Monthly',
      yearly: 'Yearly',
    },
    within: 'Within',
    withinLabel: 'All that are at most so much older than the newest',
    withinHint: 'Such as 36h, 90d or 2w.',
    keepAll: 'Nothing is ever forgotten; the repo grows.',
    none: 'No rule of its own. Where the repo has one, that holds; else nothing is forgotten.',
    sum: (kept: number, gone: number) =>
      gone === 0
        ? `${form(kept, { one: 'The one snapshot stays', other: `All ${kept} stay` })}.`
        : `${kept} ${form(kept, { one: 'stays', other: 'stay' })}, ${gone} would go.`,
    when: 'Nothing is removed before the next forget.',
    bar: (all: number, kept: number, gone: number) =>
      `${snapshots(all)}, newest first: ${kept} stay, ${gone} would go`,
    oldest: (when: string) => `oldest ${when}`,
    stays: 'stays',
    goes: 'would go',
    apart: (why: string) => `left alone: ${why}`,
    table: 'What the rule keeps',
    snapshot: 'Snapshot',
    keptAs: 'Kept as',
    older: (n: number, kept: number, gone: number) =>
      gone === 0
        ? `${n} older, all stay`
        : `${n} older: ${kept} ${form(kept, { one: 'stays', other: 'stay' })}, ${gone} would go`,
    fewer: 'Show fewer',
    noSnapshots: 'No snapshot yet',
    noSnapshotsWhat: 'What the rule does shows here once there are some.',
    unread: 'The snapshots could not be read now',
    wait: 'Reading snapshots…',
  },

  tree: {
    more: 'Show more',
    open: (name: string) => `Open ${name}`,
    hidden: 'Show hidden files',
    byName: 'Add a path by name',
    path: 'Path',
    add: 'Add',
    notThere: 'not there now',
    remove: (path: string) => `Remove ${path}`,
    left: 'not backed up',
    unreadable: 'may not be read',
    outWith: (path: string) => `left out with ${path}`,
    whole: 'A path begins with /.',
    empty: 'nothing in it',
    taken: (n: number) =>
      n === 0
        ? 'nothing is chosen yet'
        : plural(n, { one: 'path is backed up', other: 'paths are backed up' }),
    chosen: 'Chosen paths',
    none: 'Nothing is chosen yet. Tick folders or files below.',
  },

  folderShared: {
    title: 'This is a folder of this machine.',
    what: (path: string) =>
      `A member can use it only if ${path} leads to the same repository there, and if it allows this machine that folder, in “Folders it may use here”.`,
    todo: ['Otherwise give members an address of their own (', '), such as sftp: or rest:.'],
  },

  toml: { show: 'Show as TOML', title: 'As it is written' },
};
