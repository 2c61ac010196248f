// A repo kept in order from its page: checked, pruned, forgotten from, unlocked, shared, removed.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Daemon, until } from './daemon.mjs';
import { choose, clear, heading, told } from './steps.mjs';
import { close, launch, SCREENS, visit } from './visit.mjs';

const PAGE = '/m/nas/repo/vault';

let daemon;
before(async () => {
  await launch();
  daemon = await Daemon.start('nas');
  await daemon.plan('home', daemon.files('home', { 'letter.txt': 'Dear Ana' }));
  for (let run = 0; run < 3; run += 1) await daemon.cli('plan', 'backup', 'home');
});
after(async () => {
  await close();
  await daemon?.stop();
});

const vault = () => join(daemon.folder, 'vault');
/** The row of a kind of upkeep, once a run of it is told there. */
const listed = (tab, kind) =>
  tab
    .locator('tr', { has: tab.getByRole('rowheader', { name: kind, exact: true }) })
    .getByRole('link')
    .waitFor({ timeout: 90_000 });

test('checked and pruned, and when is said without a reload', async () => {
  const here = await visit(daemon);
  const { tab } = here;
  await here.open(PAGE);
  await tab.getByText('It holds 3 snapshots of 1 plan on 1 machine.').waitFor();
  await clear(tab, 'repo');
  await tab.getByRole('button', { name: 'Check now' }).click();
  await told(tab, 'Check of vault was started.');
  await listed(tab, 'Check');
  await tab.getByRole('button', { name: 'Prune vault', exact: true }).click();
  await clear(tab, 'prune is asked');
  await tab.getByRole('dialog').getByRole('button', { name: 'Prune vault', exact: true }).click();
  await listed(tab, 'Prune');
  await choose(tab, 'Measure');
  await listed(tab, 'Stats');
  await clear(tab, 'repo, checked and pruned');
  await here.close();
});

test('forgotten from, by its name', async () => {
  const here = await visit(daemon);
  const { tab } = here;
  await here.open(PAGE);
  await tab.getByText('every plan by its own rules').waitFor();
  await daemon.cli('repo', 'edit', 'vault', '--forget', 'last=1');
  await tab.getByText('for each machine and plan by itself').waitFor();
  await choose(tab, 'Forget by its retention');
  await tab.getByText('2 snapshots would go, 1 stay.').waitFor();
  await clear(tab, 'forget is asked');
  await tab.getByLabel('Type vault to delete them').fill('vault');
  await tab.getByRole('button', { name: 'Delete 2 snapshots' }).click();
  await tab.getByText('It holds 1 snapshot of 1 plan').waitFor({ timeout: 90_000 });
  assert.equal((await daemon.list('snapshots')).length, 1);
  await here.close();
});

/** restic with a lock of the repo, for as long as nobody ends it. */
async function holder() {
  const words = ['--repo', vault(), '--password-file', join(daemon.folder, 'password')];
  const restic = spawn('restic', [...words, 'backup', '--stdin'], {
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const gone = new Promise((done) => restic.once('exit', done));
  await until('its lock', () => readdirSync(join(vault(), 'locks')).length > 0);
  return async () => {
    restic.kill('SIGKILL');
    await gone;
  };
}

test('a lock in the way: who holds it is said, and it is removed once its holder is gone', async () => {
  await daemon.cli('repo', 'edit', 'vault', '--lock-wait', '0s');
  const kill = await holder();
  const here = await visit(daemon);
  const { tab } = here;
  await here.open(PAGE);
  await tab.getByRole('button', { name: 'Prune vault', exact: true }).click();
  await tab.getByRole('dialog').getByRole('button', { name: 'Prune vault', exact: true }).click();
  const banner = tab.getByText('holds a lock.');
  await banner.waitFor({ timeout: 90_000 });
  await clear(tab, 'locked repo');
  await kill();
  await tab.getByRole('button', { name: 'Unlock vault' }).click();
  await clear(tab, 'unlock is asked');
  await tab.getByRole('dialog').getByRole('button', { name: 'Unlock vault' }).click();
  await banner.waitFor({ state: 'detached', timeout: 90_000 });
  assert.deepEqual(readdirSync(join(vault(), 'locks')), []);
  await here.close();
});

test('shared, measured by a command, and removed by its name', async () => {
  const here = await visit(daemon);
  const { tab } = here;
  await here.open(PAGE);
  await tab.getByRole('button', { name: 'Share vault', exact: true }).click();
  await clear(tab, 'sharing is asked');
  await tab.getByRole('dialog').getByRole('button', { name: 'Share vault', exact: true }).click();
  await tab.getByRole('heading', { name: 'Shared with' }).waitFor();
  await tab.getByText('No peer may take repos from here.').waitFor();
  await clear(tab, 'shared repo');
  await tab.getByRole('button', { name: 'Un-share vault' }).click();
  await tab.getByRole('dialog').getByRole('button', { name: 'Un-share vault' }).click();
  await tab.getByRole('heading', { name: 'Shared with' }).waitFor({ state: 'detached' });

  await choose(tab, 'Run a restic command');
  await tab.getByLabel('Subcommand and arguments').fill('list snapshots');
  await clear(tab, 'a restic command');
  await tab.getByRole('button', { name: 'Run command' }).click();
  await heading(tab, 'Operations');
  const [snapshot] = await daemon.list('snapshots');
  await tab.locator('.out').getByText(snapshot.id).waitFor();

  await here.open(PAGE);
  await choose(tab, 'Remove');
  await clear(tab, 'removal is asked');
  await tab.getByLabel('Type vault to remove it').fill('vault');
  await tab.getByRole('button', { name: 'Remove vault' }).click();
  await told(tab, 'Disabled: home.');
  await heading(tab, 'nas');
  assert.ok(readdirSync(vault()).includes('snapshots'), 'nothing of it is touched');
  await clear(tab, 'machine without a repo');
  await here.close();
});
