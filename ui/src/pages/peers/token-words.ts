// The words of the token dialog.
import { listed } from '$/messages';

export const tokenWords = {
  create: 'Create a token',
  intro:
    'Another machine pairs with this token. It sees what it gets and what it is asked for, and decides.',
  recipes: 'Start from',
  recipe: {
    monitor: 'Central monitoring',
    monitorWhat: (here: string) => `${here} sees its backups`,
    share: 'Shared repository',
    shareWhat: (repo: string) => `it backs up into ${repo}`,
    shareNone: 'share a repo first',
    manage: 'Full management',
    manageWhat: (here: string) => `${here} also runs and changes its plans`,
    none: 'Nothing yet',
    noneWhat: 'pair now, decide later',
  },
  label: 'For',
  labelHint: 'A name to tell it by, such as the machine that will use it.',
  ttl: 'Ends after',
  ttls: [
    { value: '900', word: '15 min' },
    { value: '3600', word: '1 h' },
    { value: '86400', word: '24 h' },
    { value: '604800', word: '7 d' },
    { value: '', word: 'Never' },
  ],
  ttlOther: 'Other',
  ttlAmount: 'How long',
  ttlUnit: 'Unit',
  ttlUnits: [
    { value: '60', word: 'minutes' },
    { value: '3600', word: 'hours' },
    { value: '86400', word: 'days' },
  ],
  ttlWrong: 'Write a whole number from 1 to 99999.',
  uses: 'How many machines',
  usesHint: '0 means no limit.',
  usesOne: 'One machine takes the place of one.',
  usesWrong: 'Write a whole number from 1 to 1000000, or 0 for no limit.',
  url: 'How they reach this machine',
  urlHint: 'One a line, for the join line. Empty: the URLs in Settings, Addresses.',
  urlMissing:
    'No URL of this machine is set. Without one the join line has none, and it must be typed there.',
  replaces: 'Instead of',
  replacesNobody: 'nobody: a new machine',
  replacesHint: (peer: string) =>
    `Who uses the token takes over ${peer}: its grants, history and received repos. Its old key is refused.`,
  gives: (who: string) => `${who} may, here`,
  asks: (here: string) => `${here} would like, there`,
  asksHint: 'It is shown this list and may give less before it agrees.',
  it: 'It',
  theOther: 'The other machine',
  act: 'Create token',
  more: 'Address and replacement',

  for: (label: string) => (label ? `Token for “${label}”` : 'Your token'),
  once: 'Shown once.',
  onceWhat: (max: number) =>
    max === 1
      ? 'Whoever has this text can pair until it is used.'
      : max === 0
        ? 'Whoever has this text can pair, as often as they like.'
        : `Whoever has this text can pair, until ${max} machines have.`,
  spent: 'It is used: nobody else can pair with it.',
  endsIn: (left: string) => `It ends in ${left}.`,
  ended: 'It has ended.',
  runLine: (who: string) => `On ${who}, run this line`,
  orPaste: 'Or paste the token into its Peers page',
  shortened: (n: number) => `Shortened here. Copy takes all ${n} characters.`,
  copyLine: 'Copy the join line',
  copyToken: 'Copy the token',
  qr: 'The token as a QR code',
  scan: 'Or scan it there',
  otherMachine: 'the other machine',
  sharedWorks: (who: string) => `A repo is taken once ${who} gives send-shared-repos in return.`,
  waiting: (who: string) => `Waiting for ${who}`,
  paired: (names: string[]) => `${listed(names)} paired`,
  used: 'Used',
  openPeer: 'Open it',
  revoke: 'Revoke',
  revoked: 'Revoked: nobody can pair with it any more.',
  done: 'Done',
  creating: 'Creating a token',
};
