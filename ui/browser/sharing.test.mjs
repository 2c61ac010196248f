// A repo shared with a paired machine: what its owner sees of the member, and what becomes of the
// member's plans when the repo is taken back.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Daemon } from './daemon.mjs';
import { copied, isSamePage, mark, part, paste, permission } from './pairing-steps.mjs';
import { clear, heading, told } from './steps.mjs';
import { SCREENS, close, launch, visit } from './visit.mjs';

before(launch);
after(close);

const HUB = '/m/nas/repo/vault';
const MEMBER = '/m/laptop/repo/vault';

for (const screen of SCREENS) {
  describe(`sharing, ${screen.name}`, () => {
    let nas;
    let laptop;
    let onNas;
    let onLaptop;
    let joinLine;
    before(async () => {
      [nas, laptop] = await Promise.all([Daemon.start('nas'), Daemon.start('laptop')]);
      await nas.plan('home', nas.files('home', { 'letter.txt': 'Dear Ana' }));
      await nas.cli('plan', 'backup', 'home');
      [onNas, onLaptop] = [await visit(nas, screen), await visit(laptop, screen)];
    });
    after(async () => {
      await onNas?.close();
      await onLaptop?.close();
      await Promise.all([nas?.stop(), laptop?.stop()]);
    });

    /** The row of the member on its owner's page. */
    const member = () => part(onNas.tab, 'Shared with').getByRole('row', { name: /laptop/ });

    test('a repo is shared, and a token made for who takes it', async () => {
      const { tab } = onNas;
      await onNas.open(HUB);
      await tab.getByRole('button', { name: 'Share vault', exact: true }).click();
      await tab
        .getByRole('dialog')
        .getByRole('button', { name: 'Share vault', exact: true })
        .click();
      await part(tab, 'Shared with').getByText('No peer may take repos from here').waitFor();
      await onNas.open('/peers/token');
      const dialog = tab.getByRole('dialog');
      await dialog.getByRole('button', { name: 'Shared repository' }).click();
      await dialog.getByLabel('For', { exact: true }).fill('laptop');
      await clear(tab, 'token for a shared repo');
      await dialog.getByRole('button', { name: 'Create token' }).click();
      await tab.getByRole('dialog', { name: 'Token for “laptop”' }).waitFor();
      joinLine = await copied(tab, dialog.getByRole('button', { name: 'Copy the join line' }));
    });

    test('a machine that pairs without taking it is a member that has not accepted', async () => {
      const { tab } = onLaptop;
      await onLaptop.open('/peers/join');
      await paste(tab, joinLine);
      await heading(tab, 'Join nas');
      await part(tab, 'Shared repo').getByText('nas sends repo vault').waitFor();
      await part(tab, 'Shared repo').getByRole('checkbox').uncheck();
      await clear(tab, 'consent to a shared repo');
      await tab.getByRole('button', { name: 'Join nas' }).click();
      await heading(tab, 'Joined nas');
      await onNas.open(HUB);
      await mark(onNas.tab);
      await member().getByText('Sent, not accepted there').waitFor();
      await member().getByText('none yet').waitFor();
      await clear(onNas.tab, 'member that has not accepted');
    });

    test('it is taken, its folder allowed, and backed up into', async () => {
      const { tab } = onLaptop;
      await onLaptop.open('/peers/nas');
      await part(tab, 'Shared repos').getByText('Sent, not accepted here.').waitFor();
      await permission(part(tab, 'nas may, here'), 'Send repos').tick.check();
      await tab.getByRole('button', { name: 'Save grants' }).click();
      await part(tab, 'Shared repos').getByText('laptop takes repos from nas').waitFor();
      await onLaptop.open(MEMBER);
      await tab.getByText('This repo is disabled.').waitFor();
      await clear(tab, 'repo whose folder is not allowed');
      await onLaptop.open('/peers/nas');
      await tab.getByRole('button', { name: 'Change Folders it may use here' }).click();
      const dialog = tab.getByRole('dialog');
      await dialog.getByLabel('One folder a line').fill(nas.folder);
      await dialog.getByRole('button', { name: 'Save folders' }).click();
      await dialog.waitFor({ state: 'detached' });
      await onLaptop.open(MEMBER);
      await tab.getByText('nas owns this repo and shares it. Here it is read-only.').waitFor();
      await tab.getByText('Ready').waitFor();
      await clear(tab, 'repo of a peer');
      const files = laptop.files('photos', { 'cat.jpg': 'a cat' });
      await laptop.cli('plan', 'add', 'photos', '--repo', 'vault', '--path', files);
      await laptop.cli('plan', 'backup', 'photos');
      await member().getByText('Taken').waitFor();
      await member().locator('time').waitFor({ timeout: 30_000 });
      assert.ok(await isSamePage(onNas.tab), 'without a reload');
      await clear(onNas.tab, 'member that has it');
    });

    test('un-shared: the member is told why, and its plan does not run', async () => {
      const { tab } = onNas;
      const { tab: there } = onLaptop;
      await onLaptop.open(MEMBER);
      await mark(there);
      await tab.getByRole('button', { name: 'Un-share vault' }).click();
      const dialog = tab.getByRole('dialog', { name: 'Un-share vault?' });
      const act = dialog.getByRole('button', { name: 'Un-share vault' });
      await clear(tab, 'un-sharing is asked');
      await act.click();
      await part(tab, 'Shared with').waitFor({ state: 'detached' });

      await there.getByText('This repo is disabled.').waitFor();
      const why = /^nas no longer shares repo vault\. Ask there to share it again/;
      await there.locator('.todo').getByText(why).waitFor();
      await there.getByText('nas owns this repo. Here it is read-only.').waitFor();
      assert.ok(await isSamePage(there), 'without a reload');
      await clear(there, 'repo that was taken back');
      await onLaptop.open('/m/laptop/plan/photos');
      await there.locator('.todo').getByText('nas no longer shares repo vault.').waitFor();
      await there.locator('.todo').getByText('Ask there to share it again').waitFor();
      await clear(there, 'plan whose repo was taken back');
      await there.getByText('It does not run.').waitFor();
      await there.getByRole('main').getByRole('button', { name: 'More actions' }).click();
      assert.equal(await there.getByRole('menuitem', { name: 'Switch on' }).count(), 0);
      await there.keyboard.press('Escape');
      await there.getByRole('button', { name: 'Run now' }).first().click();
      await there.getByRole('alert').getByText('Plan photos is disabled').waitFor();
      assert.ok(existsSync(join(nas.folder, 'vault', 'config')), 'nothing is deleted');

      await tab.getByRole('button', { name: 'Share vault', exact: true }).click();
      await tab
        .getByRole('dialog')
        .getByRole('button', { name: 'Share vault', exact: true })
        .click();
      await member().getByText('Taken').waitFor();
      await there.getByText('It does not run.').waitFor({ state: 'detached' });
      await there.getByRole('button', { name: 'Run now' }).first().click();
      await told(there, 'photos runs');
    });

    test('removed on the member it is taken again, from the toast, from its plan and from its machine', async () => {
      const { tab } = onLaptop;
      const remove = async () => {
        await onLaptop.open(`${MEMBER}?do=remove`);
        await tab.getByLabel('Type vault to remove it').fill('vault');
        await tab.getByRole('dialog').getByRole('button', { name: 'Remove vault' }).click();
      };
      await remove();
      await told(tab, 'vault was removed', 'Undo');
      await told(tab, 'vault is taken again');
      await remove();
      await told(tab, 'vault was removed');
      await onLaptop.open('/m/laptop/plan/photos');
      await tab.locator('.todo').getByText('To take it again:').waitFor();
      await clear(tab, 'plan whose repo was removed');
      await tab.getByRole('button', { name: 'Take vault of nas' }).click();
      await told(tab, 'vault is taken again');
      await tab.getByText('It does not run.').waitFor({ state: 'detached' });
      await remove();
      await told(tab, 'vault was removed');
      await onLaptop.open('/m/laptop');
      await clear(tab, 'machine with a removed repo');
      await part(tab, 'Removed repos of peers')
        .getByRole('button', { name: 'Take it again vault of nas' })
        .click();
      await told(tab, 'vault is taken again');
      await part(tab, 'Removed repos of peers').waitFor({ state: 'detached' });
      await part(tab, 'Repos').getByRole('link', { name: 'vault' }).waitFor();
    });

    test('shared anew, a tick lets a peer take it that may not', async () => {
      const { tab } = onNas;
      await nas.cli('repo', 'unshare', 'vault');
      await nas.cli('peer', 'revoke', 'laptop', 'receive-shared-repos');
      await onNas.open(HUB);
      await tab.getByRole('button', { name: 'Share vault', exact: true }).click();
      const dialog = tab.getByRole('dialog');
      await dialog.getByRole('checkbox', { name: 'laptop' }).check();
      await clear(tab, 'whom it is shared with');
      await dialog.getByRole('button', { name: 'Share vault', exact: true }).click();
      await told(tab, 'laptop may take it');
      await member().getByText('Taken').waitFor();
    });
  });
}
