// The first page of a real daemon, from nothing to a good backup, and through its daemon's death.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Daemon } from './daemon.mjs';
import { clear, heading, told } from './steps.mjs';
import { SCREENS, close, launch, visit } from './visit.mjs';

let daemon;
before(async () => {
  await launch();
  daemon = await Daemon.start('nas');
});
after(async () => {
  await close();
  await daemon?.stop();
});

test('from nothing to fresh, without a reload', async () => {
  const here = await visit(daemon);
  await here.open('/');
  await heading(here.tab, 'Welcome');
  await here.open('/');
  await heading(here.tab, 'Nothing is backed up yet.');
  await daemon.plan('home', daemon.files('home', { 'letter.txt': 'Dear Ana' }));
  await here.tab.waitForSelector('main >> text=home', { timeout: 30_000 });
  const done = await daemon.cli('plan', 'backup', 'home');
  assert.equal(done.status, 'succeeded');
  await heading(here.tab, 'Everything is backed up');
  await here.close();
});

for (const screen of SCREENS) {
  test(`no barrier and no complaint: ${screen.name}`, async () => {
    const here = await visit(daemon, screen);
    for (const path of ['/', '/ops', '/peers', '/settings/about', '/m/nas/plan/home']) {
      await here.open(path);
      await here.tab.waitForLoadState('load');
      await clear(here.tab, path);
    }
    await here.close();
  });
}

test('everything is found by its name, and done from where one is', async () => {
  const here = await visit(daemon);
  const { tab } = here;
  await here.open('/');
  await heading(tab, 'Everything is backed up');
  const palette = tab.getByRole('dialog');
  const find = async (typed) => {
    await tab.keyboard.press('Control+k');
    await palette.getByRole('combobox').waitFor();
    await tab.keyboard.type(typed);
  };
  await find('no such thing');
  await palette.getByText('Nothing has that in its name.').waitFor();
  await clear(tab, 'palette without a result');
  await tab.keyboard.press('Escape');
  await palette.waitFor({ state: 'detached' });

  await find('nas / home');
  await palette.getByRole('option', { name: /nas \/ home/ }).waitFor();
  await clear(tab, 'palette');
  await tab.keyboard.press('Enter');
  await heading(tab, 'home');
  assert.equal(new URL(tab.url()).pathname, '/m/nas/plan/home');

  await find('run home');
  await tab.keyboard.press('Enter');
  await told(tab, 'home runs.', 'Open operation');
  const runs = await daemon.list('ops', '--plan', 'home', '--kind', 'backup');
  const newest = runs
    .map(({ id }) => id)
    .sort()
    .at(-1);
  await tab.waitForURL((url) => url.href.includes(newest));

  await find('settings');
  await tab.keyboard.press('ArrowDown');
  await tab.keyboard.press('ArrowUp');
  await tab.keyboard.press('Enter');
  await heading(tab, 'Settings');
  await here.close();
});

test('it can be installed as an app', async () => {
  const here = await visit(daemon);
  await here.open('/');
  const session = await here.tab.context().newCDPSession(here.tab);
  const { url, errors } = await session.send('Page.getAppManifest');
  assert.match(url, /\/holdfast\.webmanifest$/);
  assert.deepEqual(errors, []);
  const { installabilityErrors } = await session.send('Page.getInstallabilityErrors');
  assert.deepEqual(installabilityErrors, []);
  await here.close();
});

test('a daemon that is gone is said within 5 s, and its return is seen', async () => {
  const here = await visit(daemon);
  await here.open('/');
  await heading(here.tab, 'Everything is backed up');
  here.isAway = true;
  const killed = Date.now();
  await daemon.kill();
  const notice = here.tab.locator('text=/No answer from nas/');
  await notice.waitFor({ timeout: 10_000 });
  assert.ok(Date.now() - killed < 5_500, `said after ${Date.now() - killed} ms`);
  await daemon.run();
  await notice.waitFor({ state: 'detached', timeout: 60_000 });
  here.isAway = false;
  await here.close();
});
