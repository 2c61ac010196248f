// The words of channels and rules.
import { clause } from '$/format';

export const notifyWords = {
  title: 'Notifications',
  what: (name: string) => `for the plans of ${name} and of every machine it sees`,
  channels: 'Channels',
  addChannel: 'Add a channel',
  channelsNone: 'No channel yet. A channel is where messages go: a phone, a mailbox, a room.',
  secretSet: (names: string) => `${names} set`,
  replace: 'Replace',
  sent: 'Sent',
  failed: 'Failed',
  untried: 'Nothing sent lately',
  test: 'Send test',
  testing: 'Sending…',
  testTo: (id: string) => `Send a test to ${id}`,
  tested: (answer: string) => (answer ? `Sent. It answered: ${answer}` : 'Sent.'),
  snoozed: 'Silent until',
  snooze: 'Silence for 8 h',
  snoozeDay: 'Silence for 1 day',
  snoozeUntil: 'Silence until…',
  unsnooze: 'End the silence',
  unsnoozed: 'The silence is over. What it held back still comes at the time that was set.',
  silenceAct: (id: string) => `Silence ${id}`,
  silenceTitle: (id: string) => `Silence ${id} until`,
  silenceAll: 'Silence everybody',
  silenceAllTitle: 'Silence everybody until',
  silentAll: 'Nobody is told anything until',
  silentWhat: 'What comes meanwhile is told then, as one message.',
  edit: 'Edit',
  remove: (id: string) => `Remove ${id}`,
  actionsFor: (id: string) => `Actions for ${id}`,
  removeAsk: (id: string) => `Remove the channel ${id}?`,
  removeWhat: 'Rules that tell it must be removed or changed first.',
  byHand: 'Runs a command: written in the config file only',

  newTitle: 'Add a channel',
  editTitle: (id: string) => `Channel ${id}`,
  kind: 'Kind',
  name: 'Name',
  fileShut: 'the config file cannot be written',
  taken: (id: string) => `${id} is taken; choose another name.`,
  nameHint: 'Rules use it: a-z, 0-9, . _ -',
  isSet: 'Set. Leave empty to keep it.',
  optional: 'optional',
  manner: 'When it is told',
  save: 'Save channel',

  rules: 'Rules',
  addRule: 'Add a rule',
  rulesNone: 'No rule yet: nobody is told anything.',
  rulesNoneHere: 'No rule yet: nobody is told anything of this plan.',
  columns: { when: 'When', of: 'Of', to: 'To', actions: 'Actions' },
  everything: 'all machines',
  plan: (id: string) => `plan ${id}`,
  repo: (id: string) => `repo ${id}`,
  inline: (action: string) => `${action}, written with the rule`,
  editRule: 'Edit rule',
  removeRule: 'Remove rule',
  removeRuleAsk: 'Remove this rule?',
  removeRuleWhat: (summary: string) => `Nobody is told any more: ${summary}.`,
  ruleOf: 'Of what',
  ruleTo: 'Tell',
  ruleOn: 'When this happens',
  saveRule: 'Save rule',
  ruleGone:
    'This rule was changed or removed elsewhere meanwhile. Saving adds what is chosen here as a new rule.',
  ruleNotThere: 'The rule was changed or removed elsewhere meanwhile. Look at the list again.',
  try: {
    act: 'Try it',
    title: 'Try this rule',
    toChannel: (channel: string) =>
      `A test message goes to ${channel} at once, also while it is silent.`,
    toAll:
      'A test message goes at once to everybody who is told of this, also where they are silent.',
    command: 'Commands are run as well, with HOLDFAST_TEST=true in their environment.',
    event: 'As if this happened',
    plan: 'To the plan',
    inline: (action: string, of: string) => `${action}, written with the rule of ${of}`,
    sent: 'Sent.',
    failed: (why: string) => `Failed: ${clause(why)}`,
    needsPlan: 'Needs a plan that it is told of',
  },
  foot: 'Absence counts: stale is sent even when the machine itself is silent. Recovery is told on the same channel.',
  noChannelYet: 'Add a channel first.',
};

/** Events in words; the most useful first. */
export const eventWords: [string, string][] = [
  ['any-failure', 'Anything failed'],
  ['stale', 'A plan is stale'],
  ['late', 'A plan is late'],
  ['recovered', 'A plan is fresh again'],
  ['backup-failed', 'A backup failed'],
  ['backup-warning', 'A backup left something out'],
  ['backup-skipped', 'A backup was skipped'],
  ['backup-succeeded', 'A backup succeeded'],
  ['backup-started', 'A backup started'],
  ['anomaly', 'A backup is unlike those before it'],
  ['repo-locked', 'A repo is locked by somebody'],
  ['check-failed', 'A check found damage, or failed'],
  ['check-succeeded', 'A check succeeded'],
  ['prune-failed', 'A prune failed'],
  ['prune-succeeded', 'A prune succeeded'],
  ['forget-failed', 'A forget failed'],
  ['forget-succeeded', 'A forget succeeded'],
  ['restore-failed', 'A restore failed'],
  ['restore-succeeded', 'A restore succeeded'],
  ['copy-failed', 'A copy failed'],
  ['copy-succeeded', 'A copy succeeded'],
  ['peer-offline', 'A peer is out of sight'],
  ['peer-online', 'A peer is back'],
];

export function eventWord(event: string): string {
  return eventWords.find(([name]) => name === event)?.[1] ?? event;
}

/** Of what a rule is: `plan:home`, `repo:vault`; everything is nothing, or `top`. */
export function placeWord(place: string): string {
  const [kind, id] = place.split(':');
  if (!id) return notifyWords.everything;
  return kind === 'plan' ? notifyWords.plan(id) : notifyWords.repo(id);
}
