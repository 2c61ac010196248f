// The words of the settings: instance, addresses, import, about. Users and notifications have their own.
import { plural } from '$/messages';

export const settingsWords = {
  title: 'Settings',
  lede: (name: string) =>
    `Of ${name}. Each section saves by itself, into its config file or its store.`,
  nav: 'Settings',
  sections: {
    instance: 'Instance',
    users: 'Users and keys',
    notifications: 'Notifications',
    addresses: 'Addresses',
    config: 'Config file',
    import: 'Import',
    about: 'About',
  } as Record<string, string>,
  what: 'Settings',
  readOnly: (path: string) => `${path} cannot be written: change it where it is made.`,
  mayLook: 'Your role may look.',
  changing: 'Changing settings',
  nothing: 'Nothing changed.',
  changed: (names: string) => `Changed: ${names}.`,
  discard: 'Discard',
  saved: 'Saved.',

  meanwhile: {
    what: (name: string) => `${name} was changed elsewhere meanwhile. There it is now:`,
    empty: 'empty',
    keepMine: 'Keep yours',
    takeTheirs: 'Take theirs',
    of: (name: string) => `for ${name}`,
  },

  instance: {
    name: 'Name',
    nameWhat: 'Peers keep it by its key, so a new name needs no new pairing.',
    nameHint: (name: string) => `Snapshots made so far keep created-by:${name}.`,
    nameWrong: (name: string) =>
      `Name “${name}” cannot be one: use a-z, 0-9, . _ -, and begin with a letter or a digit.`,
    class: 'Class',
    classWhat: 'How old a backup may get where a plan does not say.',
    classes: [
      ['server', '1.5 × the longest gap of its schedule'],
      ['desktop', '3 d'],
      ['laptop', '7 d'],
      ['rarely-on', '30 d'],
    ] as [string, string][],
    files: 'restic and files',
    restic: 'restic',
    onPath: 'on PATH',
    config: 'Config',
    canWrite: 'can be written',
    cannotWrite: 'read-only',
    data: 'Data',
    save: 'Save instance',
  },

  identity: {
    title: 'Identity',
    what: 'Peers trust this key, not the name or the address.',
    loading: 'The public key',
    keyId: 'Key id, as peers show it',
    copyKey: 'Copy the key id',
    publicKey: 'Public key, all of it',
    copyPublic: 'Copy the public key',
    path: 'The secret key is in this file. Whoever has it is this machine to its peers.',
    copyPath: 'Copy the path of the secret key',
  },

  addresses: {
    listen: 'UI, API and peers',
    listenWhat: 'Where this page, the API and peers that dial in are answered.',
    sync: 'Peers only',
    syncWhat: 'More addresses that answer peers and nothing else: what the outside needs.',
    urls: 'URLs',
    urlsWhat:
      'How others reach this machine: in tokens and links, and the names this page answers to.',
    proxies: 'Trusted proxies',
    proxiesWhat: 'Whose word counts about where a request comes from.',
    one: 'One a line.',
    leaves:
      'Other machines will be able to open this page. Everybody has to log in then; create a login first.',
    noTls:
      'It is served without TLS: passwords cross the network in clear, unless a proxy with HTTPS stands before it.',
    tls: 'TLS',
    tlsWords: {
      none: 'off',
      'self-signed': 'on, with a certificate of its own',
      files: 'on, with the certificate of the config file',
    } as Record<string, string>,
    tlsWhat: 'Set in the config file.',
    save: 'Save addresses',
  },

  import: {
    title: 'Import from Backrest',
    doing: 'Importing from Backrest',
    what: 'Its config.json becomes repos, plans and hooks here. First you see what becomes what; nothing is changed before that.',
    file: 'config.json of Backrest',
    fileHint:
      'Often ~/.config/backrest/config.json. It holds passwords: it goes to this machine only.',
    choose: 'Choose the file',
    noFile: 'No file is chosen.',
    preview: 'Show what it becomes',
    reading: 'Reading…',
    translated: (n: number) => plural(n, { one: 'thing taken over', other: 'things taken over' }),
    changed: (n: number) =>
      plural(n, { one: 'thing changed on the way', other: 'things changed on the way' }),
    dropped: (n: number) => plural(n, { one: 'thing left out', other: 'things left out' }),
    toml: 'As it is written into the config file',
    report: 'The whole report',
    apply: 'Import all of it',
    applying: 'Importing…',
    applied: 'Imported, as one change of the config file.',
    undo: 'Undo the import',
    undone: 'The config file is as it was before the import.',
    toFleet: 'To Fleet',
    another: 'Another file',
  },

  about: {
    version: 'Version',
    licences: 'Licences',
    licencesWhat: 'Of the program; those of what it is built on come with it.',
    diagnostics: 'Diagnostics',
    diagnosticsWhat:
      'State and settings for a report of a fault, without any secret. Look before you send it.',
    show: 'Show diagnostics',
    save: 'Save as a file',
    copy: 'Copy diagnostics',
  },
};
