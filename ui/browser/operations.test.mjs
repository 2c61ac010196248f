// Operations as they happen, by filter and page by page; a run that failed, why, and once more.
import assert from 'node:assert/strict';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Daemon, until } from './daemon.mjs';
import { choose, clear, told } from './steps.mjs';
import { close, launch, visit } from './visit.mjs';

/** Each run of the plan is so many operations and one more. */
const HOOKS = 200;

let daemon;
before(async () => {
  await launch();
  daemon = await Daemon.start('nas');
  await daemon.plan('home', daemon.files('home', { 'letter.txt': 'Dear Ana' }));
});
after(async () => {
  await close();
  await daemon?.stop();
});

const vault = () => join(daemon.folder, 'vault');
const rows = (tab) => tab.locator('a.fr');

test('the list follows what happens', async () => {
  const here = await visit(daemon);
  const { tab } = here;
  await here.open('/ops');
  await rows(tab).filter({ hasText: 'init' }).waitFor();
  await daemon.cli('plan', 'backup', 'home');
  await rows(tab).filter({ hasText: 'backup' }).waitFor();
  await clear(tab, 'operations');
  await here.open('/ops?plan=none');
  await tab.getByText('No operation matches').waitFor();
  await clear(tab, 'no operation matches');
  await here.close();
});

test('a failed run says why, and is run again where it failed', async () => {
  const here = await visit(daemon);
  const { tab } = here;
  await here.open('/ops?state=failed');
  renameSync(vault(), `${vault()}-away`);
  await assert.rejects(daemon.cli('plan', 'backup', 'home'));
  await rows(tab).first().click();
  await tab.getByText('No snapshot was made').waitFor();
  await tab
    .locator('.expl')
    .getByText(/^Repo vault is missing/)
    .waitFor();
  await clear(tab, 'failed operation');
  await here.open('/');
  await clear(tab, 'fleet with a failing plan');
  await tab.goBack();
  renameSync(`${vault()}-away`, vault());
  await tab.getByRole('button', { name: 'Run again' }).click();
  await told(tab, 'runs.', 'Operation');
  await tab.getByText('A snapshot was made').waitFor({ timeout: 90_000 });
  await clear(tab, 'operation that ended well');
  await here.close();
});

test('a long history comes page by page, and by what is asked for', async () => {
  const hooks = `{ on = ["backup-started"], command = "true" }, `.repeat(HOOKS);
  const config = readFileSync(daemon.config, 'utf8');
  writeFileSync(daemon.config, config.replace('id = "home"', `id = "home"\nhook = [${hooks}]`));
  const known = async () => (await daemon.cli('hook', 'list')).hooks.length === HOOKS;
  await until('the daemon has read its hooks', known);
  await daemon.cli('plan', 'backup', 'home');

  const here = await visit(daemon);
  const { tab } = here;
  const asked = [];
  tab.on('request', (request) => asked.push(request.url()));
  await here.open('/ops?view=one');
  await rows(tab).nth(20).waitFor();
  assert.ok((await rows(tab).count()) < HOOKS, 'not all at once');
  await until('the end of the list', async () => {
    await tab.keyboard.press('End');
    return tab.getByText('That is all there is.').isVisible();
  });
  const all = await daemon.list('ops');
  // What is far from the window is not drawn: all of it is seen on the way back up.
  const seen = new Set();
  await until('every operation was seen once', async () => {
    const links = await rows(tab).evaluateAll((drawn) => drawn.map((row) => row.href));
    links.forEach((link) => seen.add(link));
    // A slow machine draws some rows only after they were passed: then the way is gone once more.
    if (await tab.evaluate(() => window.scrollY === 0)) await tab.keyboard.press('End');
    else await tab.mouse.wheel(0, -1000);
    return seen.size === all.length;
  });
  assert.ok(asked.filter((url) => url.endsWith('/Page')).length >= 3);

  const { message } = all.find(({ status }) => status === 'failed');
  await tab.getByLabel('Kind').selectOption('backup');
  await tab.waitForURL('**/ops?*kind=backup*');
  await tab.getByLabel('State').selectOption('failed');
  await tab.getByLabel('Plan').selectOption('home');
  await tab.getByLabel('Contains').fill(message.slice(0, 12));
  await tab.waitForURL(/q=/);
  await tab.reload();
  await rows(tab).first().waitFor();
  assert.equal(await rows(tab).count(), 1);
  assert.equal(await tab.getByLabel('State').inputValue(), 'failed');
  await clear(tab, 'filtered operations');
  await tab.goBack();
  await tab.getByRole('button', { name: 'Clear filters' }).click();
  await rows(tab).nth(20).waitFor();

  await tab.getByLabel('Time').selectOption('From … to …');
  await rows(tab).nth(20).waitFor();
  await tab.getByLabel('Until').fill('2001-01-01');
  await tab.keyboard.press('Tab');
  await tab.getByText('No operation matches').waitFor();
  await tab.reload();
  await tab.getByText('No operation matches').waitFor();
  await clear(tab, 'operations of some days');
  await tab.getByRole('button', { name: 'Clear filters' }).click();
  await rows(tab).nth(20).waitFor();
  await here.close();
});

test('a history is exported with its proof, which holds without the daemon', async () => {
  const here = await visit(daemon);
  const { tab } = here;
  await here.open('/ops');
  await choose(tab, 'With proof', 'Export');
  const dialog = tab.getByRole('dialog');
  await clear(tab, 'export with proof');
  const coming = tab.waitForEvent('download');
  await dialog.getByRole('button', { name: 'Export history' }).click();
  const download = await coming;
  assert.match(download.suggestedFilename(), /^operations-nas-[0-9-]+\.jsonl$/);
  const file = join(daemon.folder, 'history.jsonl');
  await download.saveAs(file);
  await told(tab, 'exported with proof');
  const proven = await daemon.cli('ops', 'verify', file);
  assert.equal(proven.ok, true);
  assert.equal(proven.instance, 'nas');
  assert.ok(proven.entries > 0);
  writeFileSync(file, readFileSync(file, 'utf8').replace('"seq":1,', '"seq":2,'));
  await assert.rejects(daemon.cli('ops', 'verify', file));
  await here.close();
});
