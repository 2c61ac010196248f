// The words of Fleet.
import { NBSP } from '$/format';
import { form, plural, words } from '$/messages';

const { plans, machines } = words;
const thingsNeed = (n: number) => plural(n, { one: 'thing needs', other: 'things need' });

export const fleet = {
  verdict: {
    needYou: (n: number, all: number) =>
      `${n} of ${plans(all)} ${form(n, { one: 'needs', other: 'need' })} you.`,
    oneNeeds: 'Your one plan needs you.',
    good: 'Everything is backed up, everywhere.',
    goodInSight: 'Everything is backed up, everywhere this machine can see.',
    goodBut: (n: number) => `Every plan in sight is backed up; ${thingsNeed(n)} you.`,
    goodAlone: 'Everything is backed up.',
    snoozed: (n: number, things: number) =>
      `${things > 0 ? thingsNeed(things) : 'Nothing needs'} you; ${plural(n, { one: 'plan is', other: 'plans are' })} snoozed.`,
    some: (n: number, all: number) =>
      `${n} of ${plans(all)} ${form(n, { one: 'is', other: 'are' })} backed up.`,
    nothing: 'Nothing is backed up yet.',
    noneInSight: 'No plan is in sight.',
  },
  lede: {
    causes: (on: number, n: number) =>
      `They are on ${machines(on)} and have ${plural(n, { one: 'cause', other: 'causes' })}.`,
    others: (n: number) =>
      n === 1 ? 'The other one is backed up in time' : `The other ${n} are backed up in time`,
    all: (n: number) =>
      n === 1 ? 'The one plan is backed up in time' : `All ${n} plans are backed up in time`,
    inTime: (n: number) => `${plans(n)} ${form(n, { one: 'is', other: 'are' })} backed up in time`,
    warnings: (n: number) => `${n} with warnings`,
    unseen: (n: number) => `${n} as last seen`,
    notYet: (n: number) =>
      `${plans(n)} ${form(n, { one: 'has its', other: 'have their' })} first run ahead`,
    connected: (n: number, all: number) => `${n}${NBSP}of${NBSP}${all} machines are connected.`,
    allConnected: (all: number) => `All ${all} machines are connected.`,
    snoozed: (n: number) => `${n} snoozed`,
  },
  chips: {
    label: 'Show only',
    never: (n: number) => `${n} never`,
    stale: (n: number) => `${n} stale`,
    failing: (n: number) => `${n} failing`,
    late: (n: number) => `${n} late`,
    warnings: (n: number) => `${n} with warnings`,
    running: (n: number) => `${n} running`,
    waiting: (n: number) => `${n} waiting`,
    paused: (n: number) => `${n} paused`,
    'not-yet': (n: number) => `${n} not yet`,
    unseen: (n: number) => `${n} out of sight`,
    fresh: (n: number) => `${n} fresh`,
  },
  coverage: {
    title: '3-2-1 coverage',
    gaps: 'Close the gaps',
    gapsShown: 'Show all plans',
    copies: ['3', ' copies'],
    kinds: ['2', ' kinds of storage'],
    offSite: ['1', ' off-site'],
    proven: ['', 'Restore proven, 90 d'],
    of: (n: number, all: number) => `${n} of ${all}`,
  },
  running: {
    runs: (name: string) => `${name} runs.`,
    queued: (name: string, machine: string) => `${name} runs once ${machine} is back.`,
    sent: (name: string, machine: string) =>
      `${machine} was asked to run ${name}, and has not answered yet.`,
    open: 'Open',
    notGranted: (machine: string) => `${machine} does not let this machine start its operations`,
  },
  needs: {
    title: 'Needs you',
    byCause: 'by cause, worst first',
    watching: 'Nothing to do yet.',
    never: (many: number) =>
      many === 1
        ? ['has ', 'never', ' had a good backup.']
        : ['have ', 'never', ' had a good backup.'],
    stale: (many: number) => (many === 1 ? 'has no good backup for ' : 'have no good backup for '),
    allowed: (age: string) => `Allowed: ${age}.`,
    failing: (times: number) => (times > 1 ? `failed ${times} times in a row.` : 'failed.'),
    goesStale: (many: number) => (many === 1 ? 'It goes stale ' : 'The first goes stale '),
    late: (many: number) =>
      many === 1 ? 'is late, and in time until ' : 'are late; the first is in time until ',
    disabled: (many: number) => (many === 1 ? 'does not run.' : 'do not run.'),
    offline: 'is offline since ',
    offlineOnly: 'is offline.',
    stillInTime: (many: number) =>
      many === 1 ? 'Its backup is still in time until ' : 'Its backups are still in time until ',
    offlineTogether: (n: number) => `${machines(n)} are out of sight, their backups still in time.`,
    lastAnswer: (reason: string) => `The last answer was “${reason}”.`,
    oneCause: 'One cause: ',
    plansOf: (n: number) => `: ${plans(n)} `,
    andMore: (n: number) => `${n} more`,
    snooze: 'Snooze',
    day: '1 day',
    week: '1 week',
    snoozed: (what: string, until: string) => `${what} is snoozed until ${until}.`,
    several: (n: number) => plans(n),
    run: (many: number) => (many === 1 ? 'Run now' : many === 2 ? 'Run both' : `Run all ${many}`),
    retry: (many: number) =>
      many === 1 ? 'Run again' : many === 2 ? 'Run both again' : `Run all ${many} again`,
    unlock: 'Unlock and run',
    test: 'Test connection',
    log: 'Open log',
    resume: 'Resume',
    open: 'Open',
    started: (what: string) => `${what} runs.`,
    queued: (what: string) => `${what} runs once its machine is back.`,
    resumed: (what: string) => `${what} is resumed.`,
  },
  table: {
    title: 'All plans',
    matching: (n: number, all: number) => `${n} of ${plans(all)}`,
    about: (m: number, n: number) => `${machines(m)}, ${plans(n)}.`,
    aboutAlone: (n: number) => `${plans(n)}.`,
    next: (plan: string, when: string) => `Next: ${plan} ${when}.`,
    machine: 'Machine',
    plan: 'Plan',
    state: 'State',
    age: 'Newest good backup, of allowed',
    days: 'Last 14 days',
    nextRun: 'Next run',
    size: 'Size',
    copies: '3-2-1',
    whenThisEnds: 'when this ends',
    waits: (what: string) => `waits for ${what}`,
    paused: 'paused',
    off: 'off',
    byHand: 'by hand',
    offline: 'offline',
    filter: 'Filter',
    nothing: 'No plan matches',
    clear: 'Clear filters',
    showsNone: (machine: string, here: string) => `${machine} shows ${here} none of its plans.`,
    hasNone: (machine: string) => `${machine} has no plan yet.`,
  },
  groups: {
    title: 'All machines',
    about: 'a tick is a plan, a gap a machine; worst first',
    search: 'Filter machines',
    by: 'Group by',
    class: 'Class',
    repo: 'Repo',
    through: 'Connected through',
    name: 'Start of the name',
    state: 'State',
    any: 'All',
    text: 'Machine or plan',
    unknown: { class: 'class not known', repo: 'no repo', through: 'this machine', name: 'others' },
    outOfSight: (n: number) => `${machines(n)} out of sight`,
    worst: 'Worst plan',
    plans: 'Plans',
    oldest: 'Oldest, of allowed',
    more: (n: number) => `${plural(n, { one: 'more machine', other: 'more machines' })}, all fresh`,
    summary: (n: number, m: number) => `${plans(n)} on ${machines(m)}`,
    allFresh: 'All of them are fresh.',
  },
  empty: {
    lede: 'This machine is ready. Choose what to back up, or join a machine that already runs holdfast.',
    ledeJoined:
      'None is here, and no joined machine shows one. They show what they let this one read: the grants are on Peers.',
    title: 'Two ways to begin',
    what: 'A plan says what is saved, where to and when. A joined machine shows you its own.',
    newPlan: 'New plan',
    join: 'Join another machine',
    next: 'What this page will show',
    promises: [
      ['Age', 'how old the newest good backup of every plan is, and how old it may be'],
      ['Holes', 'days on which a backup should have run and did not'],
      ['Needs you', 'what somebody has to do, and the button that does it'],
    ] as [string, string][],
  },
  tick: {
    label: 'How to read a tick',
  },
};
