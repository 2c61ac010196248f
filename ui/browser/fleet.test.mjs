// The first page of a real daemon, from nothing to a good backup, and through its daemon's death.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Daemon } from './daemon.mjs';
import { clear, heading } from './steps.mjs';
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
