// Permissions in words: the verb first, the name of the permission second.
import { listed } from './plural';

export interface PermissionWords {
  /** Begins a row: "See operations". */
  title: string;
  /** What it is, and what it never is. */
  what: string;
  /** Completes "nas will …". */
  will: string;
  /** Within a sentence, with everything and with some things. */
  all: string;
  of: (things: string) => string;
}

export const permissionWords: Record<string, PermissionWords> = {
  'read-operations': {
    title: 'See operations',
    what: 'history, state and logs; never a file or a password',
    will: 'see',
    all: 'see all operations',
    of: (things) => `see operations of ${things}`,
  },
  'run-operations': {
    title: 'Run plans',
    what: 'start and cancel backup, forget, prune and the rest as they are set up; never a command of its own',
    will: 'run',
    all: 'run all plans',
    of: (things) => `run ${things}`,
  },
  'receive-shared-repos': {
    title: 'Take repos',
    what: 'be sent shared repos with their credentials; members can read everything in them',
    will: 'take',
    all: 'take all shared repos',
    of: (things) => `take ${things}`,
  },
  'send-shared-repos': {
    title: 'Send repos',
    what: 'its shared repos appear on the receiving side, read-only',
    will: 'send',
    all: 'send repos',
    of: () => 'send repos',
  },
  'read-config': {
    title: 'See settings',
    what: 'repos, plans and settings, without any secret',
    will: 'see the settings of',
    all: 'see all settings',
    of: (things) => `see settings of ${things}`,
  },
  'write-config': {
    title: 'Change settings',
    what: 'add and edit plans, repos and settings in the config file; includes seeing them',
    will: 'change',
    all: 'change all settings',
    of: (things) => `change ${things}`,
  },
  'read-files': {
    title: 'Read files',
    what: 'list, find and download what is in snapshots',
    will: 'read files of',
    all: 'read all files',
    of: (things) => `read files of ${things}`,
  },
  restore: {
    title: 'Restore',
    what: 'write files back, only below the folders that are allowed',
    will: 'restore',
    all: 'restore everything',
    of: (things) => `restore ${things}`,
  },
};

/** `repo:vault` and `plan:home` as people say them. */
export function thingWord(scope: string): string {
  const [kind, id] = scope.replace(/^!/, '').split(':');
  return id ? `${kind} ${id}` : scope;
}

/** `plans documents and mail, repo vault` */
export function thingsWord(scopes: string[]): string {
  const of = (kind: string) =>
    scopes
      .map((scope) => scope.replace(/^!/, ''))
      .filter((scope) => scope.startsWith(`${kind}:`))
      .map((scope) => scope.slice(kind.length + 1));
  const said = (kind: string) => {
    const ids = of(kind);
    return ids.length === 0 ? [] : [`${kind}${ids.length > 1 ? 's' : ''} ${listed(ids)}`];
  };
  return [...said('plan'), ...said('repo')].join(', ');
}

export const grantWords = {
  nothing: 'nothing',
  nothingAtAll: 'Nothing.',
  but: (all: string, things: string) => `${all} but ${things}`,
  withExceptions: 'with exceptions',
  willNot: (who: string, verb: string) => `${who} will not ${verb}`,
  will: (who: string, verb: string) => `${who} will ${verb}`,
  andLater: 'and what is added later',
  later: 'what is added later; nothing is there yet',
  andShared: 'and what is shared later',
  sharedLater: 'what is shared later; nothing of it is shared yet',
  noneShared: 'nothing yet: none of these is shared',
  onceShared: 'Only once it is shared',
  onlyBelow: 'Only below',
  noFolder: (who: string) =>
    `No folder is allowed to ${who} yet: it can restore nothing here. Name some in “Folders it may use here”.`,
  foldersLater: (who: string) =>
    `Nothing at first: once it is paired, name the folders that ${who} may use here, on its page.`,
  nothingYet: 'nothing: choose something, or take the tick away',
  asText: 'As text',
  askedFor: (who: string, scopes: string) => `${who} asked for ${scopes}.`,
  notGiven: (who: string) => `Not given. ${who} asked for it.`,
  modes: { all: 'All', only: 'Only', 'all-but': 'All but' },
  removeThing: (thing: string) => `Remove ${thing}`,
  scopesOf: (title: string) => `${title}: of what`,
  add: 'Add',
  another: 'A plan or repo of the other side',
  more: 'More permissions',
};

export const pairWords = {
  sends: (from: string, what: string) => `${from} sends ${what}`,
  takes: (to: string, from: string) => `${to} takes repos from ${from}`,
  notSent: (from: string) => `${from} sends nothing`,
  notTaken: 'Sent, not accepted there',
  notTakenHere: 'Sent, not accepted here',
  members: 'Every member of a shared repo can read everything in it.',
};
