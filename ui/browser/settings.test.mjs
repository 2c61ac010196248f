// Settings: every section as it is, notifications that arrive, an import, and edits from two sides.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { Daemon, until } from './daemon.mjs';
import { isSamePage, mark } from './pairing-steps.mjs';
import { choose, clear } from './steps.mjs';
import { SCREENS, close, launch, visit } from './visit.mjs';

let nas;
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

/** Somebody who is told things: what came, and where. */
async function listener() {
  const came = [];
  let heard = () => {};
  const server = createServer((request, response) => {
    const parts = [];
    request.on('data', (chunk) => parts.push(chunk));
    request.on('end', () => {
      came.push(JSON.parse(Buffer.concat(parts).toString()));
      response.end('thank you');
      heard();
    });
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    url: `http://127.0.0.1:${server.address().port}/hook`,
    came,
    stop: () => new Promise((stopped) => server.close(stopped)),
  };
}

const SECTIONS = {
  instance: 'Peers trust this key',
  users: 'No users yet',
  notifications: 'No channel yet',
  addresses: 'Where this page, the API and peers that dial in are answered',
  config: 'What runs is what this file says',
  import: 'Its config.json becomes repos, plans and hooks here',
  about: 'State and settings for a report of a fault',
};

for (const screen of SCREENS) {
  test(`every section is open to everybody: ${screen.name}`, async () => {
    const there = await visit(nas, screen);
    const { tab } = there;
    await there.open('/settings');
    for (const [section, text] of Object.entries(SECTIONS)) {
      await tab.locator(`.subnav a[href$="/${section}"]`).click();
      await tab.getByText(text).first().waitFor();
      await clear(tab, section);
    }
    await tab.getByRole('button', { name: 'Show diagnostics' }).click();
    await tab.getByRole('button', { name: 'Save as a file' }).waitFor();
    await clear(tab, 'diagnostics');
    await there.close();
  });
}

test('a channel is added, tried, kept quiet at night, and told by a rule', async (t) => {
  const hook = await listener();
  t.after(() => hook.stop());
  const { tab } = here;
  await here.open('/settings/notifications');
  await tab.getByRole('button', { name: 'Add a channel' }).click();
  const dialog = tab.getByRole('dialog');
  await dialog.getByLabel('Kind').selectOption('webhook');
  await dialog.getByLabel('Name', { exact: true }).fill('desk');
  await dialog.getByLabel('URL', { exact: true }).fill(hook.url);
  await clear(tab, 'new channel');
  await dialog.getByRole('button', { name: 'Save channel' }).click();
  await dialog.waitFor({ state: 'detached' });
  await tab.getByText('url set').waitFor();
  assert.ok(!(await tab.content()).includes(hook.url), 'what is secret is only written');

  await tab.getByRole('button', { name: 'Send a test to desk' }).click();
  await tab.getByText('Sent. It answered: 200 OK thank you').waitFor();
  assert.equal(hook.came.length, 1);
  assert.equal(hook.came[0].instance, 'nas');
  await clear(tab, 'channel that was tested');

  await choose(tab, 'Edit', 'Actions for desk');
  await tab.getByRole('dialog', { name: 'Channel desk' }).waitFor();
  await dialog.getByLabel('Quiet hours').fill('22:00-7');
  await dialog.getByRole('button', { name: 'Save channel' }).click();
  await dialog.getByRole('alert').waitFor();
  await clear(tab, 'channel refused');
  await dialog.getByLabel('Quiet hours').fill('22:00-07:00');
  await dialog.getByRole('button', { name: 'Save channel' }).click();
  await dialog.waitFor({ state: 'detached' });
  assert.match(nas.written(), /quiet = "22:00-07:00"/);

  await tab.getByRole('button', { name: 'Add a rule' }).click();
  await dialog.getByLabel('Of what').selectOption('plan:home');
  await dialog.getByLabel('A backup succeeded').check();
  await clear(tab, 'new rule');
  await dialog.getByRole('button', { name: 'Save rule' }).click();
  const rule = tab.getByRole('table', { name: 'Rules' }).getByRole('row', { name: /plan home/ });
  await rule.getByText('desk').waitFor();
  await clear(tab, 'rules');

  await rule.getByRole('button', { name: /^Actions for/ }).click();
  await tab.getByRole('menuitem', { name: 'Try it' }).click();
  await dialog.getByLabel('As if this happened').selectOption('backup-succeeded');
  await dialog.getByRole('button', { name: 'Send test' }).click();
  await dialog.getByText('200 OK thank you').waitFor();
  const { event, plan } = hook.came.at(-1);
  assert.deepEqual([event, plan], ['backup-succeeded', 'home']);
  await clear(tab, 'rule that was tried');
  await tab.keyboard.press('Escape');
});

test('everybody is silenced, which the fleet says, until somebody ends it', async () => {
  const { tab } = here;
  await here.open('/settings/notifications');
  await choose(tab, 'Silence for 8 h', 'Silence everybody');
  await tab.getByText('Nobody is told anything until').waitFor();
  await clear(tab, 'everybody silent');
  await choose(tab, 'Silence until…', 'Actions for desk');
  await tab.getByRole('dialog').getByRole('button', { name: 'Silence desk' }).click();
  await tab.getByRole('dialog').waitFor({ state: 'detached' });
  const { silent_until: until, channels } = await nas.cli('hook', 'list');
  assert.ok(until && channels[0].snoozed_until >= until);
  await here.open('/');
  await tab.getByText('This machine tells nobody anything until').waitFor();
  await clear(tab, 'fleet that tells nobody');
  await tab.getByRole('main').getByRole('link', { name: 'Notifications' }).click();
  await tab.getByRole('button', { name: 'End the silence' }).click();
  await tab.getByText('Nobody is told anything until').waitFor({ state: 'detached' });
  assert.equal((await nas.cli('hook', 'list')).silent_until, null);
  await choose(tab, 'End the silence', 'Actions for desk');
  await tab.getByText('Silent until').waitFor({ state: 'detached' });
});

test('a rule of a plan is made where the plan is edited', async () => {
  const { tab } = here;
  await here.open('/m/nas/plan/home/edit');
  const hooks = tab.getByRole('region', { name: 'Hooks' });
  await hooks.getByRole('row', { name: /A backup succeeded/ }).waitFor();
  await hooks.getByRole('button', { name: 'Add a rule' }).click();
  const dialog = tab.getByRole('dialog', { name: 'Add a rule' });
  assert.equal(await dialog.getByLabel('Of what').inputValue(), 'plan:home');
  await dialog.getByLabel('A plan is late').check();
  await dialog.getByRole('button', { name: 'Save rule' }).click();
  await hooks.getByRole('row', { name: /A plan is late/ }).waitFor();
  await clear(tab, 'hooks of a plan');
  assert.match(nas.written(), /"late"/);
  await here.open('/settings/notifications');
});

test('what nobody answers is said with the reason', async () => {
  const { tab } = here;
  await tab.getByRole('button', { name: 'Send a test to desk' }).click();
  await tab.locator('.cerr .t-bad').waitFor();
  await clear(tab, 'channel that failed');
});

const BACKREST = {
  version: 6,
  instance: 'MyHost',
  repos: [
    { id: 'usb disk', uri: '/nowhere/usb', password: 'correct horse', flags: ['--frobnicate'] },
  ],
  plans: [
    {
      id: 'letters',
      repo: 'usb disk',
      paths: ['/srv/letters'],
      schedule: { disabled: true },
      retention: { policyKeepAll: true },
    },
  ],
};

test('an import says what becomes what, and is done as one change', async () => {
  const { tab } = here;
  await here.open('/settings/import');
  const file = (text) => ({
    name: 'config.json',
    mimeType: 'application/json',
    buffer: Buffer.from(text),
  });
  await tab.getByLabel('config.json of Backrest').setInputFiles(file('{ "repos": 3 }'));
  await tab.getByRole('button', { name: 'Show what it becomes' }).click();
  await tab.getByRole('alert').waitFor();
  await clear(tab, 'import refused');
  const before = nas.written();
  await tab.getByLabel('config.json of Backrest').setInputFiles(file(JSON.stringify(BACKREST)));
  await tab.getByRole('button', { name: 'Show what it becomes' }).click();
  await tab.getByText(/things? taken over/).waitFor();
  await tab
    .getByText(/frobnicate/)
    .first()
    .waitFor();
  await tab.getByText('As it is written into the config file').click();
  await clear(tab, 'import previewed');
  assert.equal(nas.written(), before, 'nothing is changed by looking');
  assert.ok(!(await tab.content()).includes('correct horse'), 'no secret comes back');
  const apply = async () => {
    await tab.getByRole('button', { name: 'Import all of it' }).click();
    await tab.getByText('Imported, as one change of the config file.').waitFor();
  };
  await apply();
  await clear(tab, 'imported');
  await tab.getByRole('button', { name: 'Undo the import' }).click();
  await tab.getByText('as it was before the import').waitFor();
  assert.equal(nas.written(), before, 'an import can be taken back');
  await tab.getByRole('button', { name: 'Show what it becomes' }).click();
  await tab.getByText(/things? taken over/).waitFor();
  await apply();
  await tab.getByRole('link', { name: 'To Fleet' }).click();
  await tab.getByRole('link', { name: 'letters' }).first().waitFor();
});

test('an edit of the file shows as it is made, and what is typed stays', async () => {
  const { tab } = here;
  await here.open('/settings/instance');
  await mark(tab);
  nas.edits(/^/, 'class = "laptop"\n');
  const kind = (name) => tab.getByRole('radio', { name: new RegExp(`^${name}`) });
  await until('the class of the file', () => kind('laptop').isChecked());
  await kind('desktop').check();
  nas.edits(/class = "laptop"/, 'class = "rarely-on"');
  const save = tab.getByRole('button', { name: 'Save instance' });
  await tab.getByRole('alert').getByText('Class was changed elsewhere meanwhile').waitFor();
  await tab.getByRole('alert').getByText('rarely-on').waitFor();
  assert.ok(await kind('desktop').isChecked(), 'what is chosen stays');
  assert.ok(await save.isDisabled(), 'one of the two is to be chosen first');
  await clear(tab, 'a section with a conflict');
  await tab.getByRole('button', { name: 'Keep yours for Class' }).click();
  await save.click();
  await tab.getByText('Saved.').waitFor();
  assert.match(nas.written(), /class = "desktop"/);
  assert.ok(await isSamePage(tab), 'without a reload');
});

test('addresses changed on both sides are settled field by field', async () => {
  const { tab } = here;
  await here.open('/settings/addresses');
  const urls = tab.getByLabel('URLs', { exact: true });
  await urls.fill('https://nas.example.net');
  const theirs = `${nas.url}\nhttps://nas.example.org`;
  nas.edits(
    /urls = .*\n/,
    `urls = ${JSON.stringify(theirs.split('\n'))}\ntrusted-proxies = ["127.0.0.9"]\n`,
  );
  await tab.getByRole('alert').getByText('URLs was changed elsewhere meanwhile').waitFor();
  await until(
    'the untouched field follows',
    async () =>
      (await tab.getByLabel('Trusted proxies', { exact: true }).inputValue()) === '127.0.0.9',
  );
  assert.equal(await urls.inputValue(), 'https://nas.example.net');
  await clear(tab, 'addresses with a conflict');
  await tab.getByRole('button', { name: 'Take theirs for URLs' }).click();
  assert.equal(await urls.inputValue(), theirs);
  await tab.getByText('Nothing changed.').waitFor();
});

test('a channel edited elsewhere is not set back by an open dialog', async () => {
  const { tab } = here;
  await here.open('/settings/notifications');
  await choose(tab, 'Edit', 'Actions for desk');
  const dialog = tab.getByRole('dialog', { name: 'Channel desk' });
  await dialog.getByLabel('Quiet hours').fill('21:00-06:00');
  nas.edits(/quiet = "22:00-07:00"/, 'quiet = "23:00-05:00"\nremind = "12h"');
  await dialog.getByRole('alert').getByText('23:00-05:00').waitFor();
  await until(
    'the untouched field follows',
    async () => (await dialog.getByLabel('Say again every').inputValue()) === '12h',
  );
  await clear(tab, 'channel with a conflict');
  await dialog.getByRole('button', { name: 'Keep yours for Quiet hours' }).click();
  await dialog.getByRole('button', { name: 'Save channel' }).click();
  await dialog.waitFor({ state: 'detached' });
  const text = nas.written();
  assert.match(text, /quiet = "21:00-06:00"/);
  assert.match(text, /remind = "12h"/);
});

test('a file that is wrong is told with its problems until it is mended', async () => {
  const { tab } = here;
  await here.open('/settings/instance');
  const good = nas.written();
  nas.edits(/^/, 'lissten = []\n');
  await tab.locator('.notices').getByRole('link', { name: 'Show' }).click();
  await tab.getByText('it has 1 problem').waitFor();
  await tab.getByText('line 1, column 1').waitFor();
  await tab.getByText(/did you mean "listen"/).waitFor();
  await clear(tab, 'a wrong config file');
  nas.edits(/^lissten.*\n/, '');
  await tab.getByText('What runs is what this file says').waitFor();
  assert.equal(nas.written(), good);
});
