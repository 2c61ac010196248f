// Runs of another machine, started and cancelled from here; and what waits for it while it is away.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Daemon, until } from './daemon.mjs';
import { choose, clear, heading, noise, told } from './steps.mjs';
import { SCREENS, close, launch, visit } from './visit.mjs';

before(launch);
after(close);

const BIG = 24;
const SLOW = '256KiB';

for (const screen of SCREENS) {
  describe(`runs elsewhere, ${screen.name}`, () => {
    let nas;
    let laptop;
    let onNas;
    before(async () => {
      nas = await Daemon.start('nas');
      laptop = await Daemon.start('laptop');
      await laptop.plan('photos', laptop.files('photos', { 'cat.jpg': 'a cat' }));
      const video = laptop.files('video', { 'film.mkv': noise(BIG) });
      const add = ['plan', 'add', 'video', '--repo', 'vault', '--path', video];
      await laptop.cli(...add, '--limit-upload', SLOW);
      const { link } = await nas.cli('token', 'create', '--ask', 'read-operations=*');
      await laptop.cli('join', link, '--accept-asks');
      onNas = await visit(nas, screen);
    });
    after(async () => {
      await onNas?.close();
      await Promise.all([nas?.stop(), laptop?.stop()]);
    });

    test('what is not granted stays visible, with the reason', async () => {
      const { tab } = onNas;
      await onNas.open('/m/laptop/plan/photos');
      await heading(tab, 'photos');
      const run = tab.getByRole('button', { name: /^Run now.*laptop does not let/ });
      await run.waitFor();
      assert.equal(await run.getAttribute('aria-disabled'), 'true');
      await clear(tab, 'plan of a peer that is not run from here');
    });

    test('granted there, it is run from here and followed to its end', async () => {
      const { tab } = onNas;
      await laptop.cli('peer', 'grant', 'nas', 'run-operations=*');
      await tab.getByText('It can be run from here').waitFor();
      await tab.getByRole('button', { name: 'Run now', exact: true }).first().click();
      await told(tab, 'laptop / photos runs');
      await tab
        .locator('h1', { hasText: 'Fresh' })
        .or(tab.getByText('Backed up'))
        .first()
        .waitFor();
      const [run] = (await laptop.list('ops', '--plan', 'photos')).filter(
        ({ kind }) => kind === 'backup',
      );
      assert.equal(run.status, 'succeeded');
      await clear(tab, 'plan of a peer that has run');
    });

    test('a repo there is checked from here, and a plan there forgets by its own rules', async () => {
      const { tab } = onNas;
      await onNas.open('/m/laptop');
      await choose(tab, 'Check now', 'Upkeep of vault');
      await told(tab, 'check of laptop / vault runs');
      const done = (kind) => async () =>
        (await laptop.list('ops')).some((op) => op.kind === kind && op.status === 'succeeded');
      await until('it is checked', done('check'));
      await choose(tab, 'Prune', 'Upkeep of vault');
      const dialog = tab.getByRole('dialog', { name: 'Prune vault on laptop?' });
      await clear(tab, 'prune of a repo of a peer is asked');
      await dialog.getByRole('button', { name: 'Not now' }).click();
      await dialog.waitFor({ state: 'detached' });

      await onNas.open('/m/laptop/plan/photos');
      await choose(tab, 'Forget snapshots');
      await clear(tab, 'forget of a plan of a peer is asked');
      await tab.getByLabel('Type photos to forget them').fill('nothing');
      const act = tab.getByRole('dialog').getByRole('button', { name: 'Forget snapshots' });
      assert.ok(await act.isDisabled());
      await tab.keyboard.press('Escape');
    });

    test('a run there is cancelled from here', async () => {
      const { tab } = onNas;
      await onNas.open('/m/laptop/plan/video');
      await tab.getByRole('button', { name: 'Run now', exact: true }).first().click();
      await tab.getByRole('button', { name: /^Cancel backup/ }).click();
      await tab.getByRole('dialog').getByRole('button', { name: 'Cancel backup' }).click();
      await told(tab, 'is being cancelled');
      await until('it is cancelled', async () =>
        (await laptop.list('ops', '--plan', 'video')).some(({ status }) => status === 'cancelled'),
      );
    });

    test('away, it is asked once it is back, or not: it is withdrawn', async () => {
      const { tab } = onNas;
      await laptop.kill();
      await onNas.open('/m/laptop');
      await tab.locator('h1', { hasText: 'Offline' }).waitFor({ timeout: 60_000 });
      const row = tab.getByRole('row', { name: /photos/ });
      await row.getByRole('button', { name: /Run now/ }).click();
      await told(tab, 'laptop / photos runs once laptop is back');
      const waiting = tab.getByRole('region', { name: 'Waiting for laptop' });
      await waiting.getByText('Backup of photos').waitFor();
      await clear(tab, 'a machine for which something waits');
      await onNas.open('/peers');
      const all = tab.getByRole('region', { name: 'Waiting for peers' });
      await all.getByRole('link', { name: 'on laptop' }).waitFor();
      await clear(tab, 'peers for which something waits');
      await onNas.open('/m/laptop');
      await waiting.getByRole('button', { name: 'Withdraw: Backup of photos' }).click();
      await waiting.waitFor({ state: 'detached' });

      await row.getByRole('button', { name: /Run now/ }).click();
      await waiting.waitFor();
      const backups = async () =>
        (await laptop.list('ops', '--plan', 'photos')).filter(({ kind }) => kind === 'backup');
      await laptop.run();
      await waiting.waitFor({ state: 'detached', timeout: 60_000 });
      await until('it ran', async () => (await backups()).length === 2);
    });
  });
}
