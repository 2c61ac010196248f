// From an empty daemon to good backups, all of it in the browser: a repo, a plan, its runs, changes
// of the plan from two sides, and its end.
import assert from 'node:assert/strict';
import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Daemon, until } from './daemon.mjs';
import { choose, clear, heading, noise, told } from './steps.mjs';
import { close, launch, visit } from './visit.mjs';

/** So much is sent in a second while the upload is limited, of so much in all. */
const SLOW = '1MiB';
const BIG = 48;

let daemon;
let home;
let vault;
let password;
before(async () => {
  await launch();
  daemon = await Daemon.start('nas');
  const files = { 'letter.txt': 'Dear Ana', 'cache/page.tmp': 'x', 'big.bin': noise(BIG) };
  home = daemon.files('home', files);
  vault = join(daemon.folder, 'vault');
});
after(async () => {
  await close();
  await daemon?.stop();
});

const written = () => daemon.written();

test('a repo: its password made, its storage tried before it is saved', async () => {
  const here = await visit(daemon);
  const { tab } = here;
  await here.open('/');
  await heading(tab, 'Welcome');
  await tab.getByLabel('Stay on loopback, no login').check();
  await tab.getByRole('button', { name: 'Back up something here' }).click();
  await heading(tab, 'New plan');
  await tab.getByText('There is no repo yet').waitFor();
  await clear(tab, 'plan editor without a repo');
  await tab.getByRole('link', { name: 'New repo' }).first().click();
  await heading(tab, 'New repo');
  await clear(tab, 'empty repo editor');

  await tab.getByLabel('Name', { exact: true }).fill('vault');
  await tab.getByRole('button', { name: 'Make one' }).click();
  password = await tab.locator('.copy code').textContent();
  assert.ok(password.length >= 20, password);
  await tab.getByText('without it nothing can be restored').waitFor();

  await tab.getByLabel('Address', { exact: true }).fill(join(home, 'letter.txt', 'vault'));
  await tab.getByRole('button', { name: 'Test the connection' }).click();
  await tab.locator('.note.bad', { hasText: 'not a directory' }).waitFor();
  await clear(tab, 'repo editor, test failed');
  const add = tab.getByRole('button', { name: 'Add repo' });
  await add.click();
  await tab.getByRole('alert').filter({ hasText: 'not a directory' }).waitFor();
  assert.ok(!written().includes('vault'), 'nothing is saved that cannot be reached');

  await tab.getByLabel('Address', { exact: true }).fill(vault);
  await tab.getByRole('button', { name: 'Test the connection' }).click();
  await tab.locator('.note:not(.bad)', { hasText: 'has no repository yet' }).waitFor();
  await clear(tab, 'repo editor, test passed');
  await add.click();
  await heading(tab, 'vault');
  await clear(tab, 'repo page');
  assert.match(written(), /id = "vault"/);
  await here.close();
});

test('its password stays where it is: no page and no answer has it', async () => {
  const here = await visit(daemon);
  const { tab } = here;
  const answers = [];
  tab.on('requestfinished', async (request) => {
    try {
      answers.push(await (await request.response()).body());
    } catch {
      // The page was closed before its last answer was read.
    }
  });
  await here.open('/m/nas/repo/vault/edit');
  await tab.getByText('stored, and never shown').waitFor();
  await clear(tab, 'editor of a repo that is there');
  await tab.getByText('As TOML').click();
  await tab.locator('pre', { hasText: 'id = "vault"' }).waitFor();
  assert.ok(written().includes(password), 'the file has it');
  const seen = Buffer.concat([...answers, Buffer.from(await tab.content())]);
  assert.ok(seen.includes('vault') && !seen.includes(password));
  await here.close();
});

test('a plan: paths from the tree, a schedule in words, faults told by the daemon', async () => {
  const here = await visit(daemon);
  const { tab } = here;
  await here.open('/m/nas/plan/new');
  await tab.getByRole('radio', { name: 'vault' }).check();
  const name = tab.locator('#plan-plan');
  await name.fill('my home');
  await tab.locator('#plan-plan-problem', { hasText: 'my home' }).waitFor();
  await clear(tab, 'plan editor with a fault');
  await name.fill('home');
  await tab.locator('#plan-plan-problem').waitFor({ state: 'detached' });

  // By the keyboard: each folder on the way is opened, the last one is ticked.
  const way = home.split('/').slice(1);
  for (const [i] of way.entries()) {
    const path = `/${way.slice(0, i + 1).join('/')}`;
    const row = tab.locator(`[data-path="${path}"]`);
    await row.focus();
    await tab.keyboard.press(i === way.length - 1 ? ' ' : 'ArrowRight');
  }
  await tab.getByText('1 path is backed up').waitFor();
  await tab.locator(`[data-path="${home}"]`).press('ArrowRight');
  await tab.locator(`[data-path="${home}/cache"] .tick`).click();
  await tab.locator('code', { hasText: `${home}/cache` }).waitFor();
  await tab.getByLabel('Add a pattern').fill('*.tmp');
  await tab.keyboard.press('Enter');
  await tab.getByRole('button', { name: 'Remove *.tmp' }).waitFor();
  // The one file of that kind is in what is left out already.
  await tab.getByText('in 2 files, 1 B left out, in 1 file').waitFor();
  await tab.locator('.pats li', { hasText: '*.tmp' }).getByText('leaves out nothing now').waitFor();
  await tab.locator('.pats li', { hasText: '/cache' }).getByText('1 B in 1 file').waitFor();

  const cron = tab.getByLabel('Cron', { exact: true });
  await cron.fill('30 25 * * *');
  await tab.locator('#plan-schedule-problem', { hasText: 'five fields' }).waitFor();
  await cron.fill('30 2 * * *');
  await tab.getByText('Every day at 02:30').waitFor();
  assert.equal(await tab.locator('.next li').count(), 5);
  await tab.getByLabel('Allowed age').fill('36h');
  await tab.getByText('24 h, inside 36 h').waitFor();
  await tab.getByText('What the rule does shows here once there are some.').waitFor();
  await tab.locator('summary', { hasText: 'More' }).click();
  await tab.getByLabel('Upload, each second').fill(SLOW);
  await clear(tab, 'plan editor, filled');

  await tab.getByRole('button', { name: 'Show as TOML' }).click();
  await tab.locator('dialog pre', { hasText: 'id = "home"' }).waitFor();
  await clear(tab, 'plan as TOML');
  await tab.keyboard.press('Escape');
  await tab.getByRole('button', { name: 'Create plan' }).click();
  await told(tab, 'home is created');
  await heading(tab, 'home');
  await clear(tab, 'plan that has not run');
  assert.match(written(), /exclude = \[[^\]]*\/cache"[^\]]*"\*\.tmp"/);
  await here.close();
});

test('a run: seen to move, cancelled, and followed by Fleet without a reload', async () => {
  const fleet = await visit(daemon);
  await fleet.open('/');
  const here = await visit(daemon);
  const { tab } = here;
  await here.open('/m/nas/plan/home');
  await tab.getByRole('button', { name: 'Run now' }).first().click();
  const bar = tab.getByRole('progressbar');
  const percent = async () => Number(await bar.getAttribute('aria-valuenow'));
  // The share is of bytes read, and restic reads ahead of what it uploads: the first figure may be the last.
  await bar.waitFor({ timeout: 90_000 });
  await until('progress', percent, 90_000);
  await clear(tab, 'plan that runs');
  await fleet.tab
    .locator('main')
    .getByText(/Running/)
    .first()
    .waitFor();

  await tab.getByRole('button', { name: 'Cancel backup' }).click();
  await tab.getByText('No snapshot is made').waitFor();
  await clear(tab, 'cancel is asked');
  await tab.getByRole('dialog').getByRole('button', { name: 'Cancel backup' }).click();
  await told(tab, 'is being cancelled');
  await bar.waitFor({ state: 'detached' });
  await tab
    .getByRole('link', { name: /Cancelled/ })
    .first()
    .waitFor();
  const run = (await daemon.list('ops', '--plan', 'home')).at(-1);
  assert.equal(run.status, 'cancelled');
  await fleet.tab
    .locator('main')
    .getByText(/Running/)
    .first()
    .waitFor({ state: 'detached' });
  await here.close();
  await fleet.close();
});

test('two edits at once: what nobody typed comes in, what both changed is chosen', async () => {
  const here = await visit(daemon);
  const { tab } = here;
  await here.open('/m/nas/plan/home/edit');
  await tab.locator('summary', { hasText: 'More' }).click();
  const upload = tab.getByLabel('Upload, each second');
  await upload.fill('');
  await tab.getByLabel('Add a pattern').fill('*.bak');
  await tab.keyboard.press('Enter');

  await daemon.cli('plan', 'edit', 'home', '--max-age', '49h');
  await tab.getByText('Changed elsewhere meanwhile, and taken: allowed age').waitFor();
  assert.equal(await tab.getByLabel('Allowed age').inputValue(), '49h');
  assert.equal(await upload.inputValue(), '');

  await daemon.cli('plan', 'edit', 'home', '--limit-upload', '2MiB');
  const choice = tab.getByRole('group', { name: 'Which value of upload counts' });
  await choice.getByText('2MiB').waitFor();
  assert.equal(await upload.inputValue(), '', 'what is typed stays');
  await clear(tab, 'conflict of two edits');
  await choice.getByRole('button', { name: 'Keep yours' }).click();
  await tab.getByRole('button', { name: 'Save 2 changes' }).click();
  await told(tab, 'home is saved');
  assert.match(written(), /"\*\.bak"/);
  assert.match(written(), /max-age = "49h"/);
  assert.doesNotMatch(written(), /upload/);
  await here.close();
});

test('a run to its end: plan, retention and Fleet follow', async () => {
  const fleet = await visit(daemon);
  await fleet.open('/');
  const here = await visit(daemon);
  const { tab } = here;
  await here.open('/m/nas/plan/home');
  await tab.getByRole('button', { name: 'Run now' }).first().click();
  await told(tab, 'home runs');
  await tab.getByText('It stays fresh until').waitFor({ timeout: 90_000 });
  await tab
    .getByRole('link', { name: /^Browse/ })
    .first()
    .waitFor();
  await clear(tab, 'plan that is fresh');
  await heading(fleet.tab, 'Everything is backed up');
  await clear(fleet.tab, 'fleet that is fresh');

  await here.open('/m/nas/plan/home/edit');
  await tab.getByText('The one snapshot stays.').waitFor();
  await tab.getByRole('button', { name: 'Within', exact: true }).click();
  await clear(tab, 'retention by age');
  await here.close();
  await fleet.close();
});

test('paused and resumed, each taken back by Undo; snoozed when it fails', async () => {
  const here = await visit(daemon);
  const { tab } = here;
  await here.open('/m/nas/plan/home');
  const pill = (word) => tab.locator('h1', { hasText: word }).waitFor();
  await choose(tab, 'Dry run');
  const trial = tab.getByRole('dialog', { name: 'Dry run of nas / home' });
  await trial.getByText('Would be added to the repo').waitFor();
  await clear(tab, 'dry run');
  await trial.getByRole('button', { name: 'Close' }).last().click();
  await choose(tab, 'Pause for a day');
  await tab.locator('.toast', { hasText: 'is paused until' }).hover();
  await pill('Paused');
  await told(tab, 'is paused until', 'Undo');
  await pill('Fresh');
  await choose(tab, 'Pause until …');
  const dialog = tab.getByRole('dialog', { name: 'Pause nas / home until' });
  const act = dialog.getByRole('button', { name: 'Pause plan' });
  await dialog.getByLabel('Day').fill('2020-01-01');
  await dialog.getByText('That is over already.').waitFor();
  assert.ok(await act.isDisabled());
  await clear(tab, 'pause until a day that is over');
  await dialog.getByLabel('Day').fill('2090-01-01');
  await act.click();
  await told(tab, 'is paused until', 'Undo');
  await pill('Fresh');
  await choose(tab, 'Pause until resumed');
  await pill('Paused');
  await tab.getByText('Paused on nas, today').waitFor();
  await tab.getByRole('button', { name: 'Resume' }).click();
  await pill('Fresh');
  assert.equal((await daemon.cli('plan', 'list'))[0].state, 'fresh');

  renameSync(vault, `${vault}-away`);
  await assert.rejects(daemon.cli('plan', 'backup', 'home'));
  await pill('Failing');
  await choose(tab, 'Snooze for a day');
  await told(tab, 'is snoozed until');
  await here.open('/');
  await clear(tab, 'fleet with a snoozed plan');
  await here.open('/m/nas/plan/home');
  await choose(tab, 'No longer snoozed');
  await told(tab, 'no longer snoozed');
  renameSync(`${vault}-away`, vault);
  await here.close();
});

test('a plan is removed once that is confirmed, and comes back as it was', async () => {
  const here = await visit(daemon);
  const { tab } = here;
  const before = written();
  await here.open('/m/nas/plan/home');
  await choose(tab, 'Remove');
  await clear(tab, 'removal is asked');
  await tab.getByRole('button', { name: 'Remove plan' }).click();
  await heading(tab, 'nas');
  assert.doesNotMatch(written(), /\[\[plan\]\]/);
  assert.ok(existsSync(vault), 'nothing of its backups is touched');
  await told(tab, 'is removed', 'Undo');
  await told(tab, 'home is back');
  assert.equal(written().trim(), before.trim());
  await here.close();
});
