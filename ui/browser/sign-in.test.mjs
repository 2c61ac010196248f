// Signing in: the first login, what a wrong one is told, roles, keys, and sessions that end.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Daemon } from './daemon.mjs';
import { copied } from './pairing-steps.mjs';
import { choose, clear, heading, told } from './steps.mjs';
import { SCREENS, close, launch, visit } from './visit.mjs';

const PASSWORD = 'correct horse battery';
const NEXT_PASSWORD = 'staple battery horse';

let nas;
/** The admin's browser: signed in by the first test. */
let here;
before(async () => {
  await launch();
  nas = await Daemon.start('nas');
  await nas.plan('home', nas.files('home', { 'letter.txt': 'Dear Ana' }));
  here = await visit(nas);
});
after(async () => {
  await here?.close();
  await close();
  await nas?.stop();
});

async function fillIn({ tab }, user, password) {
  await tab.getByLabel('Name', { exact: true }).fill(user);
  await tab.getByLabel('Password', { exact: true }).fill(password);
  await tab.getByRole('button', { name: 'Log in' }).click();
}

/** Another browser, in which this user is signed in and sees the page. */
async function signedIn(user, password, path = '/', screen) {
  const there = await visit(nas, screen);
  await there.open(path);
  await heading(there.tab, 'Log in');
  await fillIn(there, user, password);
  await there.tab.waitForURL(nas.url + path);
  return there;
}

async function signOut({ tab }) {
  await tab.getByRole('button', { name: /You are on/ }).click();
  await clear(tab, 'menu of the instance');
  await tab.getByRole('menuitem', { name: 'Sign out' }).click();
  await heading(tab, 'Log in');
}

/** What a wrong login is told. */
async function refusedAs(user, password) {
  await fillIn(here, user, password);
  const note = here.tab.getByRole('alert').filter({ hasText: 'Name or password is wrong' });
  await note.waitFor();
  const text = await note.innerText();
  assert.equal(await here.tab.getByLabel('Password', { exact: true }).inputValue(), '');
  await here.tab.getByLabel('Name', { exact: true }).fill('');
  return text;
}

test('the first login is made where one is welcomed', async () => {
  const { tab } = here;
  await here.open('/welcome');
  await tab.getByText('Only this machine can reach holdfast').waitFor();
  await tab.getByText(/restic .* found/).waitFor();
  await clear(tab, 'welcome');
  await tab.getByLabel('Password', { exact: true }).fill('short');
  await tab.getByText('5 of 10 characters').waitFor();
  await tab.getByRole('button', { name: 'Create login' }).click();
  await tab.getByRole('alert').getByText('A password has at least 10 characters').waitFor();
  await clear(tab, 'welcome, password too short');
  await tab.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await tab.getByRole('button', { name: 'Create login' }).click();
  await tab.getByText('You are logged in as admin.').waitFor();
  await clear(tab, 'welcome, logged in');
  await tab.getByRole('button', { name: 'Look around first' }).click();
  await tab.getByRole('link', { name: 'home' }).first().waitFor();
});

test('a wrong login is told one thing, whatever was wrong', async () => {
  await signOut(here);
  await clear(here.tab, 'login');
  const wrongPassword = await refusedAs('admin', 'not the password');
  await clear(here.tab, 'login refused');
  assert.equal(await refusedAs('nobody', 'not the password'), wrongPassword);
  assert.doesNotMatch(wrongPassword, /admin|nobody/);
});

test('by keys alone: to a page, past the login, and to that page', async () => {
  const { tab } = here;
  await here.open('/settings/users');
  await heading(tab, 'Log in');
  const keys = tab.keyboard;
  await keys.type('admin');
  await keys.press('Tab');
  await keys.type(PASSWORD);
  await keys.press('Enter');
  await heading(tab, 'Settings');
  assert.equal(new URL(tab.url()).pathname, '/settings/users');
  await clear(tab, 'users and keys');
});

test('users are added, each with a role', async () => {
  const { tab } = here;
  for (const role of ['viewer', 'operator']) {
    await tab.getByRole('button', { name: 'Add a user' }).click();
    const dialog = tab.getByRole('dialog', { name: 'Add a user' });
    await dialog.getByLabel('Name', { exact: true }).fill(role);
    await dialog.getByRole('group', { name: 'Role' }).getByText(role).click();
    await dialog.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await clear(tab, 'adding a user');
    await dialog.getByRole('button', { name: 'Add user' }).click();
    await dialog.waitFor({ state: 'detached' });
    assert.equal(await tab.getByLabel(`Role of ${role}`).inputValue(), role);
  }
});

/** Pages, each with what stands there once it is read. */
const PAGES = {
  '/': 'home',
  '/ops': 'That is all there is',
  '/peers': 'No tokens yet',
  '/peers/join': 'needs the role admin',
  '/peers/token': 'needs the role admin',
  '/m/nas': 'vault',
  '/m/nas/plan/home': 'vault',
  '/m/nas/plan/home/edit': 'needs the role admin',
  '/m/nas/plan/new': 'needs the role admin',
  '/m/nas/repo/vault': 'Not measured yet',
  '/m/nas/repo/vault/edit': 'needs the role admin',
  '/settings/instance': 'Your role may look',
  '/settings/users': 'Other users and API keys are for admins',
  '/settings/notifications': 'Your role may look',
  '/settings/addresses': 'Your role may look',
  '/settings/import': 'needs the role admin',
};
const LIMITED = ['/peers/join', '/m/nas/plan/home', '/m/nas/repo/vault', '/settings/users'];
/** Words of buttons that start or change something. */
const RUNS = /^(Run|Check|Prune|Unlock|Test|Verify|Pause|Snooze|Initialise|Send)\b/;
const CHANGES = /^(Add|Create|New|Edit|Join|Save|Remove|Share|Import|Show what|Allow|Revoke)\b/;

/** What could be pressed on a page, by the words on it. */
async function pressable(tab) {
  const all = tab.locator(
    'main :is(a.btn, button):not([aria-disabled="true"], :disabled), dialog[open] button.main',
  );
  const words = await all.evaluateAll((list) =>
    list.filter((each) => each.checkVisibility()).map((each) => each.innerText.trim()),
  );
  return words.filter(Boolean);
}

/** Where a phone draws what is locked in another way. */
const ON_PHONE = ['/', '/peers', '/m/nas/plan/home', '/settings/users'];

for (const screen of SCREENS) {
  test(`a viewer sees all of it and can change none of it: ${screen.name}`, async () => {
    const there = await signedIn('viewer', PASSWORD, '/', screen);
    const paths = screen.isMobile ? ON_PHONE : Object.keys(PAGES);
    for (const path of paths) {
      await there.open(path);
      await there.tab.locator('main, dialog').getByText(PAGES[path]).first().waitFor();
      const words = await pressable(there.tab);
      assert.deepEqual(
        words.filter((word) => RUNS.test(word) || CHANGES.test(word)),
        [],
        path,
      );
      // What everybody sees is looked at in the other stories.
      if (LIMITED.includes(path)) await clear(there.tab, `viewer at ${path}`);
    }
    await there.close();
  });
}

test('an operator runs what is set up, and changes nothing', async () => {
  const there = await signedIn('operator', PASSWORD, '/m/nas/plan/home');
  const { tab } = there;
  await tab.getByRole('button', { name: 'Run now' }).first().click();
  await tab.locator('h1').getByText('Fresh').waitFor({ timeout: 60_000 });
  const words = await pressable(tab);
  assert.deepEqual(
    words.filter((word) => CHANGES.test(word)),
    [],
  );
  await clear(tab, 'operator at a plan');
  await there.open('/settings/users');
  await tab.getByText('Other users and API keys are for admins').waitFor();
  await clear(tab, 'operator at users');
  await signOut(there);
  await there.close();
});

test('sessions are listed, and one that is revoked is over', async () => {
  const there = await signedIn('operator', PASSWORD, '/peers');
  const { tab } = here;
  await here.open('/settings/users');
  const sessions = tab.getByRole('table', { name: 'Signed-in browsers' });
  const theirs = sessions.getByRole('row', { name: /^operator/ });
  await theirs.waitFor();
  await clear(tab, 'sessions');
  await theirs.getByRole('button', { name: /^Sign out/ }).click();
  await theirs.waitFor({ state: 'detached' });
  await heading(there.tab, 'Log in');
  await clear(there.tab, 'login after a session has ended');
  await there.close();
});

test('a new password ends the other sessions of the user', async () => {
  const there = await signedIn('admin', PASSWORD, '/peers');
  const { tab } = here;
  await here.open('/settings/users');
  await tab.getByRole('table', { name: 'Signed-in browsers' }).getByText('admin').nth(1).waitFor();
  await choose(tab, 'Change password', 'Actions for admin');
  const dialog = tab.getByRole('dialog', { name: 'Change the password of admin' });
  await dialog.getByLabel('Current password', { exact: true }).fill('not the password');
  await dialog.getByLabel('New password', { exact: true }).fill(NEXT_PASSWORD);
  await dialog.getByRole('button', { name: 'Change password' }).click();
  await dialog.getByRole('alert').getByText('The current password is wrong').waitFor();
  await clear(tab, 'changing a password, refused');
  await dialog.getByLabel('Current password', { exact: true }).fill(PASSWORD);
  await dialog.getByRole('button', { name: 'Change password' }).click();
  await told(tab, 'Password of admin changed');
  await heading(there.tab, 'Log in');
  await fillIn(there, 'admin', NEXT_PASSWORD);
  await heading(there.tab, 'Peers');
  await there.close();
});

const asked = (key) =>
  fetch(`${nas.url}/api/v1/StatusService/Get`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: '{}',
  });

test('an API key is shown once, works, and is revoked', async () => {
  const { tab } = here;
  await tab.getByRole('button', { name: 'Create a key' }).click();
  const dialog = tab.getByRole('dialog');
  await dialog.getByLabel('Label', { exact: true }).fill('metrics');
  await clear(tab, 'creating a key');
  await dialog.getByRole('button', { name: 'Create key' }).click();
  await tab.getByRole('dialog', { name: 'Key for metrics' }).waitFor();
  await clear(tab, 'key shown');
  const key = await copied(tab, dialog.getByRole('button', { name: 'Copy the key' }));
  await dialog.getByRole('button', { name: 'Done' }).click();
  assert.ok(!(await tab.content()).includes(key), 'shown once');
  assert.equal((await asked(key)).status, 200);
  await here.open('/settings/users');
  await tab.getByRole('button', { name: 'Revoke metrics' }).click();
  const ask = tab.getByRole('dialog', { name: 'Revoke the key metrics?' });
  await ask.waitFor();
  await clear(tab, 'revoking a key');
  await ask.getByRole('button', { name: 'Revoke metrics' }).click();
  await tab.getByText('No keys. Scripts call the API with one').waitFor();
  assert.equal((await asked(key)).status, 401);
});

// The last one: nobody signs in from this address for a while after it.
test('who guesses too often is told how long to wait', async () => {
  await signOut(here);
  const alert = here.tab.getByRole('alert');
  let said = '';
  for (let tries = 0; tries < 20 && !/Too many tries/.test(said); tries += 1) {
    await fillIn(here, 'admin', 'guess');
    await here.tab.getByRole('button', { name: 'Log in' }).waitFor();
    said = await alert.innerText();
  }
  assert.match(said, /Too many tries; the next one counts in \d+ s/);
  await clear(here.tab, 'login, too many tries');
});
