// The words of the join wizard.
import { listed, plural } from '$/messages';

export const joinWords = {
  crumb: 'Peers',
  here: 'Join',
  title: 'Join another machine',
  titleOf: (name: string) => `Join ${name}`,
  lede: 'Nothing is granted and the token is not used before you press Join.',
  stepsLabel: 'Steps',
  steps: ['Token', 'Connection', 'What each may do', 'Connected'],
  done: 'done',

  token: 'Token, link or join line',
  tokenHint:
    'As the other machine shows it on its Peers page, or as holdfast token create prints it.',
  tokenShape: 'A token has three parts: key id, secret and name, as in ed25519.…:…#nas.',
  tokenCut: 'This token has been cut: its secret has 64 characters, and here are %n.',
  url: 'URL of the other machine',
  urlHint: 'How this machine reaches it, one a line, such as https://nas.example.net:9898.',
  urlBesides: (urls: string[]) =>
    `Needed only where ${listed(urls)} does not lead there. One a line; tried before it.`,
  urlNeeded: 'The token says no URL: write how the other machine is reached.',
  urlShape: (url: string) => `${url} is no URL: one begins with https:// or http://.`,
  reads: (name: string) => `It names ${name}, with the key`,
  check: 'Test the connection',
  checking: 'Testing…',
  again: 'Test again',
  connection: 'Connection',
  failed: 'The other machine could not be asked.',
  isIt: (name: string) => `This is ${name}, with the key in your token:`,
  everyStep: (n: number) =>
    plural(n, { one: 'step on the way there', other: 'steps on the way there' }),
  through: 'reached at',
  notIt: (name: string, token: string) => `It calls itself ${name}; the token says ${token}.`,
  paired: (name: string) =>
    `${name} is paired with this machine already: joining only connects, and uses nothing of the token.`,

  may: (name: string) => `${name} may, here`,
  mayWhat: 'it asks for this; give less if you like',
  mayNothing: (name: string) => `${name} asks for nothing. What you give can be changed later.`,
  youMay: 'You may, there',
  youMayWhat: (name: string) => `${name} decided this`,
  nothingThere: (name: string) => `See nothing of ${name}, run nothing there.`,
  onlyShared: 'Only the shared repo below.',
  shared: 'Shared repo',
  sharedWhat: 'needs both',
  sends: (name: string, what: string) => `${name} sends ${what}`,
  sendsNothing: (name: string) => `${name} sends no repo`,
  sendsWhy: (name: string) => `given by ${name} in the token`,
  takes: (here: string, name: string) => `${here} takes repos from ${name}`,
  takesWhy: 'yours to give, for all it shares',
  members: (what: string) =>
    `Every member can read everything in ${what}. Forget and prune stay with its owner.`,
  paths: 'Folders it may use here',
  pathsHint: 'Where it may restore, or point a plan or a local repo; one a line. None: nowhere.',

  give: 'You give:',
  get: 'You get:',
  back: 'Back',
  join: (name: string) => `Join ${name}`,
  joining: 'Joining…',
  bar: 'Join',
  limited: 'Joining another machine',
  toPeers: 'To Peers',

  joined: (name: string) => `Joined ${name}`,
  joinedLede: (here: string, name: string) =>
    `${here} and ${name} know each other by their keys now.`,
  state: 'State',
  sync: 'First look at its history',
  syncNone: (name: string) => `${name} lets this machine see no operations.`,
  syncWaiting: 'waiting for the first of it',
  synced: (n: string, things: number) =>
    `${n} operations of ${plural(things, { one: 'plan and repo', other: 'plans and repos' })} so far`,
  syncDone: (n: string) => `${n} operations, nothing missing`,
  openPeer: (name: string) => `Open ${name}`,
  toFleet: 'See all machines',
};
