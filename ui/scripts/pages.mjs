// Every page of the interface and every state of it: where it is, and what to press to see it. Drawn
// by `npm run shots`, walked through by `npm run reach`.
//
// `at` is MODE:/path, with a mode of src/fixtures/world.ts. `does` are steps, in words:
//   press NAME        a button, link, tab or tick of that name
//   focus NAME        the same, without pressing it: what is locked says why
//   menu NAME > ITEM  a menu, and what it offers; without an ITEM the menu stays open
//   type LABEL = TEXT a field
//   choose LABEL = WORD one of a list
//   paste LABEL = TEXT the same, as from the clipboard
//   key KEYS          on the keyboard
//   see TEXT          waits until that is there
//   at TEXT           brings that to the top of the window
// `main` pages are drawn on every screen, the others wide in light and on a phone in dark; `on` names
// the one screen size that has it. `odd` says which failure a picture is meant to show.

const page = (name, at, ...does) => ({ name, at, does });
const main = (name, at, ...does) => ({ name, at, does, main: true });
const wide = (name, at, ...does) => ({ name, at, does, on: 'desktop' });
const phone = (name, at, ...does) => ({ name, at, does, on: 'phone' });

const PHOTOS = '/m/nas/repo/vault/snap/latest/tank/photos?plan=photos';

const frame = [
  wide('frame-menu', 'home:/', 'menu You are on'),
  page('frame-palette', 'home:/', 'key Control+k', 'type Find a machine = web'),
  page('frame-palette-acts', 'home:/', 'key Control+k', 'type Find a machine = vault'),
  page('frame-palette-viewer', 'viewer:/', 'key Control+k', 'type Find a machine = photos'),
  page('frame-keys', 'home:/', 'key ?'),
  wide('frame-keys-menu', 'home:/', 'menu You are on > Keyboard shortcuts'),
  phone('frame-keys-more', 'home:/', 'press More', 'menu You are on > Keyboard shortcuts'),
  phone('frame-more', 'home:/', 'press More'),
  page('frame-not-found', 'home:/nowhere'),
];

const beginning = [
  main('welcome', 'welcome:/welcome'),
  page('welcome-viewer', 'viewer:/welcome'),
  page('welcome-code', 'code:/welcome'),
  main('login', 'login:/login'),
  page('login-wrong', 'login:/login', 'type Name = admin', 'type Password = wrong', 'press Log in'),
];

const fleet = [
  main('home', 'home:/'),
  main('fleet-large', 'large:/'),
  page('fleet-large-open', 'large:/?open=server', 'at server'),
  page('fleet-empty', 'empty:/'),
  page('fleet-alone', 'alone:/'),
  page('fleet-limited', 'limited:/'),
  page('fleet-viewer', 'viewer:/'),
  page('fleet-filtered', 'home:/?state=stale,failing'),
  page('fleet-gaps', 'home:/?gaps=yes'),
  page('fleet-no-match', 'home:/?q=nothing-like-it', 'at All plans'),
  page('fleet-snooze', 'home:/', 'menu Snooze'),
  page('fleet-snooze-until', 'home:/', 'menu Snooze > Until'),
  page('fleet-unlock', 'locked:/', 'press Unlock and run'),
  { ...page('fleet-gone', 'gone:/', 'see No answer'), odd: 'gone' },
  page('fleet-store', 'damaged:/', 'see set aside'),
  page('fleet-config', 'miswritten:/', 'see is not valid'),
  { ...page('fleet-slow', 'slow:/'), odd: 'slow' },
  { ...page('fleet-failed', 'broken:/', 'see Retry'), odd: 'failed' },
];

const machine = [
  main('machine', 'home:/m/web-2'),
  page('machine-here', 'home:/m/nas'),
  page('machine-offline', 'home:/m/cabin'),
  page('machine-refused', 'limited:/m/web-2'),
  page('machine-hidden', 'limited:/m/attic'),
  page('machine-removed-repo', 'limited:/m/nas', 'see Removed repos of peers'),
  page('machine-empty', 'empty:/m/nas'),
  page('machine-viewer', 'viewer:/m/nas'),
  page('machine-viewer-why', 'viewer:/m/nas', 'focus New plan'),
  { ...page('machine-partial', 'partial:/m/web-2', 'see Retry'), odd: 'failed' },
  page('machine-menu', 'home:/m/web-2', 'menu More actions'),
  page('machine-test', 'home:/m/cabin', 'press Test connection'),
  page('machine-verify', 'home:/m/cabin', 'menu More actions > Check what is held', 'see Repaired'),
  page('machine-remove', 'home:/m/web-2', 'menu More actions > Remove …'),
  page('machine-repo-menu', 'home:/m/desktop', 'menu Upkeep of scratch'),
  page('machine-repo-forget', 'home:/m/desktop', 'menu Upkeep of scratch > Forget'),
  page('machine-repo-locked', 'home:/m/web-2', 'focus Upkeep of mail-offsite'),
  page(
    'machine-repo-queued',
    'home:/m/cabin',
    'menu Upkeep of attic > Check now',
    'see once cabin is back',
  ),
  page('machine-unknown', 'home:/m/nobody'),
];

const plan = [
  main('home-m-web-1-plan-sites', 'home:/m/web-1/plan/sites'),
  main('plan', 'home:/m/nas/plan/photos'),
  page('plan-table', 'home:/m/nas/plan/photos?table=1'),
  page('plan-failing', 'home:/m/web-1/plan/postgres'),
  page('plan-stale', 'home:/m/laptop/plan/home'),
  page('plan-paused', 'limited:/m/nas/plan/documents'),
  page('plan-running', 'home:/m/desktop/plan/home'),
  page('plan-last-seen', 'home:/m/cabin/plan/cameras'),
  page('plan-away', 'limited:/m/pi/plan/homeassistant'),
  page('plan-not-yet', 'alone:/m/nas/plan/photos'),
  { ...page('plan-partial', 'partial:/m/nas/plan/photos', 'see Retry'), odd: 'failed' },
  page('plan-repo-removed', 'limited:/m/nas/plan/paperless'),
  page('plan-viewer', 'viewer:/m/nas/plan/photos'),
  page('plan-menu', 'home:/m/nas/plan/photos', 'menu More actions'),
  page('plan-pause-until', 'home:/m/nas/plan/photos?do=pause', 'type Day = 2026-11-20'),
  page('plan-dry-run', 'home:/m/nas/plan/photos?do=try', 'see Would be added'),
  page('plan-forget', 'home:/m/nas/plan/photos', 'menu More actions > Forget snapshots …'),
  page('plan-forget-there', 'home:/m/desktop/plan/home?do=forget'),
  page('plan-duplicate', 'home:/m/nas/plan/photos', 'menu More actions > Duplicate …'),
  page('plan-duplicate-command', 'alone:/m/nas/plan/paperless?do=duplicate'),
  page('plan-remove', 'home:/m/nas/plan/photos', 'menu More actions > Remove …'),
  page('plan-unknown', 'home:/m/nas/plan/nothing'),
];

const planEditor = [
  main('home-m-nas-plan-photos-edit', 'home:/m/nas/plan/photos/edit'),
  page('plan-new', 'home:/m/nas/plan/new'),
  page(
    'plan-edit-wrong',
    'home:/m/nas/plan/new',
    'type Name = letters',
    'press Create plan',
    'see to correct',
    'key Control+Home',
  ),
  page('plan-edit-more', 'home:/m/nas/plan/photos/edit', 'press More'),
  page('plan-edit-hook', 'home:/m/nas/plan/photos/edit', 'press Add a rule'),
  page('plan-edit-toml', 'home:/m/nas/plan/photos/edit', 'press Show as TOML'),
  page(
    'plan-edit-conflict',
    'conflict:/m/nas/plan/photos/edit',
    'press Keep all',
    'press Save 1 change',
    'see changed here and elsewhere',
  ),
  page('plan-edit-viewer', 'viewer:/m/nas/plan/photos/edit'),
  page('plan-new-viewer', 'viewer:/m/nas/plan/new'),
  page('plan-edit-read-only', 'limited:/m/nas/plan/photos/edit'),
  page('plan-edit-elsewhere', 'home:/m/web-1/plan/sites/edit'),
];

const repo = [
  main('repo', 'home:/m/nas/repo/vault'),
  page('repo-sizes', 'home:/m/nas/repo/vault?table=1', 'at Size'),
  page('repo-members', 'home:/m/nas/repo/vault', 'at Shared with'),
  page('repo-own', 'home:/m/nas/repo/private'),
  page('repo-received', 'home:/m/nas/repo/offsite-web'),
  page('repo-conflict', 'home:/m/nas/repo/archive'),
  page('repo-conflict-name', 'limited:/m/nas/repo/private', 'see Their guids differ'),
  page('repo-meant-another', 'limited:/m/nas/repo/mirror'),
  page('repo-uninitialised', 'home:/m/nas/repo/usb'),
  page('repo-wrong-password', 'limited:/m/nas/repo/usb'),
  page('repo-unknown', 'empty:/m/nas/repo/vault'),
  page('repo-viewer', 'viewer:/m/nas/repo/vault'),
  page('repo-operator', 'operator:/m/nas/repo/vault'),
  page('repo-edit-viewer', 'viewer:/m/nas/repo/vault/edit'),
  page('repo-prune', 'home:/m/nas/repo/vault?do=prune'),
  { ...page('repo-failed', 'broken:/m/nas/repo/vault', 'see Retry'), odd: 'failed' },
  page('repo-menu', 'home:/m/nas/repo/vault', 'menu More actions'),
  page('repo-unlock', 'home:/m/nas/repo/vault', 'press Unlock vault'),
  page('repo-unlock-all', 'home:/m/nas/repo/vault', 'press All locks'),
  page('repo-remove-received', 'home:/m/nas/repo/offsite-web?do=remove'),
  page('repo-unshare', 'home:/m/nas/repo/vault', 'press Un-share'),
  page('repo-share-folder', 'home:/m/nas/repo/private', 'press Share'),
  page(
    'repo-share-failed',
    'limited:/m/nas/repo/private',
    'press Share private',
    'press laptop',
    'press pi',
    'press Share private',
    'see is shared, but',
  ),
  page('repo-forget', 'home:/m/nas/repo/vault', 'menu More actions > Forget by its retention …'),
  page('repo-command', 'home:/m/nas/repo/vault', 'menu More actions > Run a restic command …'),
  page('repo-remove', 'home:/m/nas/repo/vault', 'menu More actions > Remove …'),
  main('repo-edit', 'home:/m/nas/repo/vault/edit'),
  page('repo-edit-command', 'home:/m/nas/repo/private/edit', 'at Password and credentials'),
  page('repo-new', 'home:/m/nas/repo/new'),
  page(
    'repo-new-failed',
    'home:/m/nas/repo/new',
    'type Name = attic',
    'type Address = sftp:no-route:/backups',
    'press Add repo',
    'see was not reached',
  ),
  page(
    'repo-edit-upkeep',
    'home:/m/nas/repo/vault/edit',
    'type Tell of a lock after = six hours',
    'type Attempts at upkeep, in all = 12',
    'see at most 10',
    'at Unused data',
  ),
  page(
    'repo-edit-env',
    'home:/m/nas/repo/vault/edit',
    'press Add a variable',
    'paste Variable = AWS_ACCESS_KEY_ID=AKIA\n# a comment\nexport AWS_SECRET_ACCESS_KEY="s3 cr3t"\nnothing',
    'at Credentials of the storage',
  ),
  page('repo-test', 'home:/m/nas/repo/vault/edit', 'press Test the connection'),
];

const operations = [
  main('home-ops', 'home:/ops'),
  page('ops-one-by-one', 'home:/ops?view=one'),
  page('ops-failed', 'home:/ops?state=failed'),
  page('ops-open', 'home:/ops?state=failed', 'press Backup'),
  page('ops-open-viewer', 'viewer:/ops?state=failed', 'press Backup', 'at What happened'),
  page('ops-none-runs', 'alone:/ops?state=running'),
  page('ops-no-match', 'home:/ops?q=nothing-like-it'),
  page('ops-empty', 'empty:/ops'),
  page('ops-menu', 'home:/ops', 'menu Export'),
  page('ops-proof', 'home:/ops', 'menu Export > With proof'),
  page('ops-proof-failed', 'home:/ops?do=proof&peer=cabin', 'press Export history', 'see covers'),
  page('ops-running', 'restoring:/ops'),
  page('ops-cancel', 'restoring:/ops', 'press Cancel'),
  page('ops-waiting', 'restoring:/ops?state=pending', 'press Waiting'),
  phone('ops-filters', 'home:/ops', 'press Filter'),
  wide('ops-days', 'home:/ops?time=days&from=2026-11-02&until=2026-11-05'),
  phone('ops-days', 'home:/ops?time=days&from=2026-11-02&until=2026-11-05', 'press Filter'),
  { ...page('ops-gone', 'gone:/ops', 'see No answer'), odd: 'gone' },
  {
    ...page('machine-gone', 'gone:/m/desktop', 'see No answer', 'at Recent operations'),
    odd: 'gone',
  },
  { ...page('plan-gone', 'gone:/m/desktop/plan/home', 'see No answer'), odd: 'gone' },
  { ...page('ops-broken', 'broken:/ops', 'see Retry'), odd: 'failed' },
  page('ops-unknown', 'home:/ops/00000000'),
];

const restore = [
  main('restore', 'home:/restore'),
  page('restore-partial', 'limited:/restore'),
  page('restore-empty', 'empty:/restore'),
  page('restore-narrowed', 'home:/restore?tag=weekly'),
  page('restore-none-such', 'home:/restore?tag=weekly&host=oldbox'),
  page('restore-no-match', 'home:/restore?q=nothing-like-it'),
  main('browser', `home:${PHOTOS}`),
  page('browser-file', `home:${PHOTOS}&file=/tank/photos/README.txt`),
  page('browser-unsayable', `home:${PHOTOS}&file=/tank/photos/caf%EF%BF%BD.txt`),
  page('browser-versions', `home:${PHOTOS}&file=/tank/photos/catalog.db&versions=1`),
  page('browser-find', `home:${PHOTOS}&find=DSC`),
  page('browser-find-more', `home:${PHOTOS}&find=a&newest=1&from=2026-01-01`),
  page('browser-find-nothing', `home:${PHOTOS}&find=dsc&letters=1`),
  page('browser-compare', `home:${PHOTOS}&compare=older`),
  page(
    'browser-compare-others',
    `home:${PHOTOS}&compare=older`,
    'choose Snapshots of = desktop / home',
  ),
  page('browser-having', `home:${PHOTOS}&having=weekly`),
  page('browser-having-none', `home:${PHOTOS}&having=nothing-like-it`),
  page('browser-menu', `home:${PHOTOS}`, 'menu More actions'),
  wide('browser-dry-run', `home:${PHOTOS}`, 'press Dry run', 'see 500 MiB'),
  wide('browser-restoring', `restoring:${PHOTOS}&op=0193aaaa-0000-7000-8000-000000000002`),
  phone('browser-restore', `home:${PHOTOS}&sheet=restore`),
  phone('browser-matching', `home:${PHOTOS}&sheet=restore`, 'type Only what matches = *.NEF'),
  wide('browser-matching', `home:${PHOTOS}`, 'type Only what matches = *.NEF'),
  wide(
    'browser-no-room',
    `home:${PHOTOS}`,
    'type Folder = /mnt/stick/photos',
    'key Enter',
    'see Choose another folder',
  ),
  page('browser-empty', 'home:/m/nas/repo/private/snap/latest/'),
  page('browser-folder-empty', 'home:/m/nas/repo/vault/snap/latest/tank/photos/albums?plan=photos'),
  page('browser-many', 'home:/m/nas/repo/vault/snap/latest/tank/photos/2026?plan=photos'),
  page('browser-viewer', `viewer:${PHOTOS}`),
  page('browser-file-viewer', `viewer:${PHOTOS}&file=/tank/photos/README.txt`),
  { ...page('browser-failed', `broken:${PHOTOS}`, 'see Retry'), odd: 'failed' },
];

const peers = [
  main('home-peers', 'home:/peers'),
  page('peers-empty', 'empty:/peers'),
  page('peers-viewer', 'viewer:/peers'),
  { ...page('peers-failed', 'broken:/peers', 'see Retry'), odd: 'failed' },
  page('peers-menu', 'home:/peers', 'menu Actions for desktop'),
  page('peers-revoke', 'home:/peers', 'press Revoke office-pc'),
  page('peers-remove', 'home:/peers', 'menu Actions for cabin > Remove cabin'),
  page('peers-rename', 'home:/peers', 'menu Actions for cabin > Rename'),
  main('peer', 'home:/peers/web-2'),
  page('peer-offline', 'home:/peers/cabin'),
  page('peer-refused', 'home:/peers/attic'),
  page('peers-clone', 'cloned:/peers', 'at pi'),
  page('peer-clone', 'cloned:/peers/pi'),
  page('peer-let-in', 'cloned:/peers/pi', 'press Let this one in'),
  page('peer-test', 'home:/peers/cabin', 'press Test connection', 'see Is cabin switched on'),
  page('peer-verified', 'home:/peers/web-2', 'press Verify history', 'see Repaired'),
  page('peer-damaged', 'home:/peers/cabin', 'press Verify history', 'see Repaired'),
  page('peer-unknown', 'home:/peers/nobody'),
  page('peer-viewer', 'viewer:/peers/web-2'),
  page('peer-remove', 'home:/peers/cabin?do=remove'),
  page('peer-test-asked', 'home:/peers/cabin?test=1', 'see Is cabin switched on'),
  page('peers-token-viewer', 'viewer:/peers/token'),
  main('peers-token', 'home:/peers/token'),
  page('peers-token-full', 'home:/peers/token', 'press Full management'),
  page(
    'peers-token-other',
    'home:/peers/token',
    'press Other',
    'type How long = 0',
    'at Ends after',
  ),
  page(
    'peers-token-replaces',
    `home:/peers/token?replaces=${keyOf('attic')}`,
    'press Create token',
    'see holdfast join',
  ),
  page(
    'peers-token-shown',
    'home:/peers/token',
    'type For = office-pc',
    'press Create token',
    'see holdfast join',
  ),
  main('join', 'home:/peers/join'),
  page('join-cut', 'home:/peers/join', 'type Token, link = ed25519.abc:9f3c#harbour'),
  page(
    'join-urls',
    'home:/peers/join',
    `type Token, link = holdfast://harbour.example.net:9898#${token()}`,
    'type URL = https://harbour.lan\nharbour.lan',
  ),
  page(
    'join-consent',
    'home:/peers/join',
    `type Token, link = ${token()}`,
    'type URL = https://harbour.example.net:9898',
    'press Test the connection',
    'see may, here',
  ),
  page(
    'join-done',
    'home:/peers/join',
    `type Token, link = ${token()}`,
    'type URL = https://harbour.example.net:9898',
    'press Test the connection',
    'press Join harbour',
    'see Joined',
  ),
  page('join-viewer', 'viewer:/peers/join'),
];

const settings = [
  main('settings', 'home:/settings/instance'),
  page('settings-users', 'home:/settings/users'),
  page('settings-users-operator', 'operator:/settings/users'),
  page('settings-user-add', 'home:/settings/users', 'press Add a user'),
  page('settings-user-menu', 'home:/settings/users', 'menu Actions for night-shift'),
  page(
    'settings-user-remove',
    'home:/settings/users',
    'menu Actions for night-shift > Remove night-shift',
  ),
  page('settings-key', 'home:/settings/users', 'press Create a key'),
  page(
    'settings-key-day',
    'home:/settings/users',
    'press Create a key',
    'press On a day',
    'type Last day = 2026-11-20',
  ),
  page(
    'settings-key-shown',
    'home:/settings/users',
    'press Create a key',
    'type Label = grafana',
    'press Create key',
    'see hf_',
  ),
  main('home-settings-notifications', 'home:/settings/notifications'),
  page('settings-notifications-empty', 'empty:/settings/notifications'),
  page('settings-channel', 'home:/settings/notifications', 'press Add a channel'),
  page(
    'settings-silent',
    'home:/settings/notifications',
    'menu Silence everybody > Silence for 8 h',
    'see Nobody is told anything',
  ),
  page('settings-rule', 'home:/settings/notifications', 'press Add a rule'),
  page(
    'settings-rule-try',
    'home:/settings/notifications',
    'menu Actions for backup-failed, stale → command > Try it',
    'press Send test',
    'see unbound variable',
  ),
  page(
    'settings-rule-try-viewer',
    'viewer:/settings/notifications',
    'menu Actions for backup-failed, stale → command',
  ),
  page('settings-addresses', 'home:/settings/addresses'),
  main('settings-config', 'home:/settings/config'),
  page('settings-config-wrong', 'miswritten:/settings/config'),
  page('settings-config-viewer', 'viewer:/settings/config'),
  { ...page('settings-config-failed', 'broken:/settings/config', 'see Retry'), odd: 'failed' },
  { ...page('settings-config-slow', 'slow:/settings/config'), odd: 'slow' },
  page('settings-import', 'home:/settings/import'),
  page('settings-about', 'home:/settings/about', 'press Show diagnostics'),
  page('settings-read-only', 'limited:/settings/instance'),
  page('settings-viewer', 'viewer:/settings/instance'),
  page('settings-users-viewer', 'viewer:/settings/users'),
  page('settings-notifications-viewer', 'viewer:/settings/notifications'),
  page('settings-import-viewer', 'viewer:/settings/import'),
  { ...page('settings-failed', 'broken:/settings/instance', 'see Retry'), odd: 'failed' },
];

function keyOf(machine) {
  return `ed25519.${machine.padEnd(43, 'x')}`;
}

function token() {
  return `ed25519.harbour${'x'.repeat(36)}:${'9f3c5a7e1b2d4f60'.repeat(4)}#harbour`;
}

export const PAGES = [
  ...frame,
  ...beginning,
  ...fleet,
  ...machine,
  ...plan,
  ...planEditor,
  ...repo,
  ...operations,
  ...restore,
  ...peers,
  ...settings,
];

const STEPS = {
  press: async (tab, name) => (await pressable(tab, name)).click(),
  focus: async (tab, name) => (await pressable(tab, name)).focus(),
  menu: async (tab, text) => {
    const [name, item] = text.split(' > ');
    await (await pressable(tab, name)).click();
    const items = tab.getByRole('menuitem');
    await items.first().waitFor();
    if (item) await items.filter({ hasText: item }).first().click();
  },
  type: async (tab, text) => {
    const [label, value] = text.split(' = ');
    const typed = 'input:not([type=radio], [type=checkbox]), textarea';
    const fields = tab.locator(typed).locator('visible=true');
    const open = tab.locator('dialog[open]');
    const within = (await open.count()) > 0 ? open : tab.locator('body');
    await within.getByLabel(label).and(fields).first().fill(value);
  },
  choose: async (tab, text) => {
    const [name, label] = text.split(' = ');
    await tab
      .getByRole('combobox', { name })
      .locator('visible=true')
      .first()
      .selectOption({ label });
  },
  paste: (tab, text) => {
    const [label, value] = text.split(/ = (.*)/s);
    return tab
      .getByLabel(label, { exact: true })
      .locator('visible=true')
      .first()
      .evaluate((field, pasted) => {
        const clipboardData = new DataTransfer();
        clipboardData.setData('text', pasted);
        field.dispatchEvent(new ClipboardEvent('paste', { clipboardData, cancelable: true }));
      }, value);
  },
  key: (tab, keys) => tab.keyboard.press(keys),
  see: (tab, text) => tab.getByText(text).locator('visible=true').first().waitFor(),
  at: (tab, text) =>
    tab
      .getByText(text)
      .locator('visible=true')
      .first()
      .evaluate((found) => found.scrollIntoView({ behavior: 'instant', block: 'start' })),
};

/** In the dialog where one is open, else in the page before what is around it. */
async function pressable(tab, name) {
  const named = (within) =>
    ['button', 'link', 'radio', 'tab', 'checkbox']
      .map((role) => within.getByRole(role, { name }))
      .reduce((all, each) => all.or(each))
      .or(within.locator('summary', { hasText: name }))
      .locator('visible=true');
  const dialog = tab.locator('dialog[open]');
  if ((await dialog.count()) > 0) return named(dialog).first();
  const own = named(tab.locator('main'));
  return (await own.count()) > 0 ? own.first() : named(tab.locator('body')).first();
}

/** Nothing has changed for a moment: answers have come, and their pictures are drawn. */
const QUIET_MS = 200;
export function settled(tab) {
  return tab.evaluate(
    (quiet) =>
      new Promise((resolve) => {
        let timer = setTimeout(resolve, quiet);
        new MutationObserver(() => {
          clearTimeout(timer);
          timer = setTimeout(resolve, quiet);
        }).observe(document, { subtree: true, childList: true, attributes: true });
      }),
    QUIET_MS,
  );
}

/** Opens a page in its state; answers whether pressing something opened a dialog or menu. */
export async function open(tab, url, { at, does }) {
  const [mode, path] = at.split(/:(.*)/s);
  await tab.goto(`${url}${path}${path.includes('?') ? '&' : '?'}fixture=${mode}`);
  await tab.waitForSelector('h1');
  await settled(tab);
  const before = await tab.locator('dialog[open]').count();
  for (const step of does) {
    const [verb, what] = step.split(/ (.*)/s);
    await STEPS[verb](tab, what);
    await settled(tab);
  }
  return before === 0 && /^(press|menu)/.test(does.at(-1) ?? '');
}
