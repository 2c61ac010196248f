// A key that is not let in any more: of a machine that was lost and replaced, and of one that was removed
// and is allowed again.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Daemon } from './daemon.mjs';
import { copied, isSamePage, mark, part, paste, permission, refused } from './pairing-steps.mjs';
import { choose, clear, heading, told } from './steps.mjs';
import { SCREENS, close, launch, visit } from './visit.mjs';

before(launch);
after(close);

const clients = (tab) => tab.getByRole('table', { name: 'Authorized clients' });
const listedUnder = (tab, title, key) =>
  part(tab, title).getByRole('listitem').filter({ hasText: key });
const keyOf = async (daemon) => (await daemon.cli('status')).key_id;

/** A laptop with a plan that has run, which nas sees, and which sees all of nas. */
async function pairedLaptop(nas) {
  const laptop = await Daemon.start('laptop');
  await laptop.plan('photos', laptop.files('photos', { 'cat.jpg': 'a cat' }));
  await laptop.cli('plan', 'backup', 'photos');
  const given = ['--grant', 'read-operations=*', '--ask', 'read-operations=*'];
  const { link } = await nas.cli('token', 'create', '--max-uses', '0', ...given);
  await laptop.cli('join', link, '--accept-asks');
  return { laptop, link };
}

for (const screen of SCREENS) {
  describe(`a lost machine, ${screen.name}`, () => {
    let nas;
    let lost;
    let laptop;
    let onNas;
    let there;
    let oldKey;
    let joinLine;
    before(async () => {
      nas = await Daemon.start('nas');
      ({ laptop: lost } = await pairedLaptop(nas));
      oldKey = await keyOf(lost);
      await nas.cli('peer', 'rename', 'laptop', 'the old box');
      laptop = await Daemon.start('laptop');
      [onNas, there] = [await visit(nas, screen), await visit(laptop, screen)];
    });
    after(async () => {
      await onNas?.close();
      await there?.close();
      await Promise.all([nas?.stop(), lost?.stop(), laptop?.stop()]);
    });

    test('a token is made in the place of it', async () => {
      const { tab } = onNas;
      await onNas.open('/m/laptop/plan/photos');
      await tab.locator('h1', { hasText: 'Fresh' }).waitFor();
      await lost.kill();
      await onNas.open('/peers/token');
      const dialog = tab.getByRole('dialog');
      await dialog.getByText('Address and replacement').click();
      await dialog.getByLabel('Instead of').selectOption('the old box');
      await dialog.getByText('takes over the old box: its grants, history').waitFor();
      const asks = permission(part(dialog, 'nas would like, there'), 'See operations');
      assert.ok(await asks.tick.isChecked(), 'as of the old one');
      await clear(tab, 'token that replaces a peer');
      await dialog.getByRole('button', { name: 'Create token' }).click();
      joinLine = await copied(tab, dialog.getByRole('button', { name: 'Copy the join line' }));
      await mark(tab);
    });

    test('who redeems it is that peer: its label, its grants and its history', async () => {
      const { tab } = there;
      await there.open('/peers/join');
      await paste(tab, joinLine);
      await heading(tab, 'Join nas');
      await clear(tab, 'consent of a replacement');
      await tab.getByRole('button', { name: 'Join nas' }).click();
      await heading(tab, 'Joined nas');

      const dialog = onNas.tab.getByRole('dialog');
      await dialog.getByText('the old box paired').waitFor();
      await clear(onNas.tab, 'token that has replaced a peer');
      await dialog.getByRole('button', { name: 'Done' }).click();
      const peer = clients(onNas.tab).getByRole('row', { name: /the old box/ });
      await peer.getByText('Connected').waitFor();
      await peer.getByText('the old box may, here: see all operations').waitFor();
      await peer.getByText('nas may, there: see all operations').waitFor();
      assert.ok(await isSamePage(onNas.tab), 'without a reload');
      await tab.getByRole('link', { name: 'Open nas' }).click();
      await part(tab, 'laptop may, there').getByText('See all operations').waitFor();

      await onNas.open('/peers/laptop');
      await onNas.tab.getByTitle(await keyOf(laptop)).waitFor();
      await onNas.open('/ops');
      const run = onNas.tab.locator('a.fr', { hasText: 'the old box / photos' });
      await run.getByText('no longer on the old box').waitFor();
      await clear(onNas.tab, 'history of a replaced peer');
    });

    test('the lost one is refused when it comes back, and both sides say so', async () => {
      await onNas.open('/peers');
      await lost.run();
      const onLost = await visit(lost, screen);
      await onLost.open('/peers/nas');
      await onLost.tab.locator('h1', { hasText: 'Refused' }).waitFor();
      await clear(onLost.tab, 'replaced, and refused');
      await onLost.close();
      await listedUnder(onNas.tab, 'Refused', oldKey).waitFor({ timeout: 60_000 });
      await clear(onNas.tab, 'a replaced key that was refused');
    });
  });

  describe(`a removed machine, ${screen.name}`, () => {
    let nas;
    let laptop;
    let onNas;
    let there;
    let link;
    let key;
    before(async () => {
      nas = await Daemon.start('nas');
      ({ laptop, link } = await pairedLaptop(nas));
      key = await keyOf(laptop);
      [onNas, there] = [await visit(nas, screen), await visit(laptop, screen)];
    });
    after(async () => {
      await onNas?.close();
      await there?.close();
      await Promise.all([nas?.stop(), laptop?.stop()]);
    });

    test('a removed key is refused, with the token that once let it in as well', async () => {
      const { tab } = onNas;
      await onNas.open('/peers');
      await choose(tab, 'Remove laptop', 'Actions for laptop');
      const dialog = tab.getByRole('dialog', { name: 'Remove laptop?' });
      await dialog.getByLabel('Type laptop').fill('laptop');
      await dialog.getByRole('button', { name: 'Remove laptop' }).click();
      await told(tab, 'laptop removed');
      await listedUnder(tab, 'Removed machines', key).waitFor();
      await there.open('/peers/nas');
      await there.tab.locator('h1', { hasText: 'Refused' }).waitFor({ timeout: 60_000 });
      await there.tab.getByRole('link', { name: 'Pair again' }).click();
      await refused(there.tab, link, 'removed', /allow/i);
      await listedUnder(tab, 'Refused', key).waitFor({ timeout: 60_000 });
      await clear(tab, 'a removed key that was refused');
    });

    test('allowed again, it pairs again with that token', async () => {
      const { tab } = onNas;
      await mark(tab);
      const removed = listedUnder(tab, 'Removed machines', key);
      await removed.getByRole('button', { name: 'Allow laptop again' }).click();
      await told(tab, 'laptop may pair again');
      await removed.waitFor({ state: 'detached' });
      await listedUnder(tab, 'Refused', key).waitFor({ state: 'detached' });
      await clear(tab, 'a key that is allowed again');
      await paste(there.tab, link);
      await heading(there.tab, 'Join nas');
      await clear(there.tab, 'consent of one that was removed');
      await there.tab.getByRole('button', { name: 'Join nas' }).click();
      await heading(there.tab, 'Joined nas');
      const peer = clients(tab).getByRole('row', { name: /laptop/ });
      await peer.getByText('Connected').waitFor();
      assert.ok(await isSamePage(tab), 'without a reload');
    });
  });
}
