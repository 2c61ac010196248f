// Two machines pair in two browsers, each its own: a token on one, the wizard on the other, then
// what each may do, a link that breaks, and the parting.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { encode } from 'uqr';
import { Daemon, until } from './daemon.mjs';
import { copied, isSamePage, mark, part, paste, permission, refused } from './pairing-steps.mjs';
import { choose, clear, heading, told } from './steps.mjs';
import { SCREENS, close, launch, visit } from './visit.mjs';

before(launch);
after(close);

const connected = (tab) =>
  tab
    .locator('.st', { hasText: /^Connected$/ })
    .first()
    .waitFor();

/** A daemon with two plans on one repo. */
async function withPlans(instance, plans) {
  const daemon = await Daemon.start(instance);
  const files = daemon.files('files', { 'letter.txt': 'Dear Ana' });
  const [first, second] = plans;
  await daemon.plan(first, files);
  await daemon.cli('plan', 'add', second, '--repo', 'vault', '--path', files);
  return daemon;
}

for (const screen of SCREENS) {
  describe(`pairing, ${screen.name}`, () => {
    let nas;
    let laptop;
    let onNas;
    let onLaptop;
    let joinLine;
    before(async () => {
      [nas, laptop] = await Promise.all([
        withPlans('nas', ['home', 'taxes']),
        withPlans('laptop', ['photos', 'diary']),
      ]);
      [onNas, onLaptop] = [await visit(nas, screen), await visit(laptop, screen)];
    });
    after(async () => {
      await onNas?.close();
      await onLaptop?.close();
      await Promise.all([nas?.stop(), laptop?.stop()]);
    });

    test('a token: what it gives, what it asks for, and the text once', async () => {
      const { tab } = onNas;
      await onNas.open('/peers');
      await tab.getByText('No other machine yet').waitFor();
      await clear(tab, 'no peers');
      await tab.getByRole('link', { name: 'Create token', exact: true }).click();
      const dialog = tab.getByRole('dialog');
      await dialog.getByText('Start from').waitFor();
      await clear(tab, 'token form');
      await dialog.getByLabel('For', { exact: true }).fill('laptop');
      await dialog.getByLabel('How many machines').fill('1');
      await dialog.getByRole('group', { name: 'Ends after' }).getByText('1 h').click();
      const gives = permission(part(dialog, 'laptop may, here'), 'See operations');
      await gives.tick.check();
      await gives.reach('Only');
      await gives.says('laptop will not see', 'plans home and taxes, repo vault');
      await gives.pick('plan:home');
      await gives.says('laptop will see', 'plan home');
      await gives.says('laptop will not see', 'plan taxes, repo vault');
      await permission(part(dialog, 'nas would like, there'), 'See operations').tick.check();
      await clear(tab, 'token form, filled in');
      await dialog.getByRole('button', { name: 'Create token' }).click();

      await tab.getByRole('dialog', { name: 'Token for “laptop”' }).waitFor();
      await dialog.getByText(/It ends in/).waitFor();
      await dialog.getByText('Waiting for laptop').waitFor();
      await clear(tab, 'token shown');
      joinLine = await copied(tab, dialog.getByRole('button', { name: 'Copy the join line' }));
      const token = await copied(tab, dialog.getByRole('button', { name: 'Copy the token' }));
      assert.match(token, /^ed25519\.[\w-]+:[0-9a-f]{64}#nas$/);
      assert.equal(joinLine, `holdfast join '${token}' --url ${nas.url}`);
      const code = dialog.getByRole('img', { name: 'The token as a QR code' });
      assert.equal(
        await drawnModules(code),
        modules(`${nas.url.replace('http', 'holdfast+http')}#${token}`),
      );
      await mark(tab);
    });

    test('the wizard: read back, tested, agreed to, connected', async () => {
      const { tab } = onLaptop;
      await onLaptop.open('/peers');
      await tab.getByRole('link', { name: 'Join with a token' }).click();
      await heading(tab, 'Join another machine');
      await clear(tab, 'wizard, empty');
      await tab.getByLabel('Token, link or join line').fill(joinLine);
      await tab.getByText('It names nas, with the key').waitFor();
      await clear(tab, 'wizard, token read back');
      await paste(tab, joinLine);
      await heading(tab, 'Join nas');
      await tab.getByText('This is nas, with the key in your token').waitFor();
      const asks = permission(part(tab, 'nas may, here'), 'See operations');
      assert.ok(await asks.tick.isChecked());
      await asks.tick.uncheck();
      await asks.row.getByText('Not given. nas asked for it.').waitFor();
      await clear(tab, 'consent, less than asked for');
      await asks.tick.check();
      await asks.reach('All but');
      await asks.pick('plan:diary');
      await asks.says('nas will see', 'plan photos, repo vault, and what is added later');
      await asks.says('nas will not see', 'plan diary');
      assert.equal(await asks.text.innerText(), 'read-operations=*,!plan:diary');
      await part(tab, 'You may, there').getByText('plan home').waitFor();
      const bar = part(tab, 'Join');
      await bar.getByText(/You give:.*but plan diary.*You get:.*plan home/s).waitFor();
      await clear(tab, 'consent');
      assert.equal((await nas.cli('token', 'list'))[0].uses, 0, 'nothing is used before Join');
      await bar.getByRole('button', { name: 'Join nas' }).click();
      await heading(tab, 'Joined nas');
      await connected(tab);
      await clear(tab, 'joined');
    });

    test('the other side sees it as it happens', async () => {
      const { tab } = onNas;
      const dialog = tab.getByRole('dialog');
      await dialog.getByText('laptop paired').waitFor();
      await clear(tab, 'token used');
      await dialog.getByRole('button', { name: 'Done' }).click();
      const clients = tab.getByRole('table', { name: 'Authorized clients' });
      await clients.getByText('Connected').waitFor();
      await clients.getByText('see all operations, with exceptions').waitFor();
      await clear(tab, 'peers');
      assert.ok(await isSamePage(tab), 'without a reload');
    });

    test('grants changed here are seen there, and taken back', async () => {
      const { tab } = onNas;
      const there = onLaptop.tab;
      await there.getByRole('link', { name: 'Open nas' }).click();
      await heading(there, 'nas');
      await mark(there);
      await tab.getByRole('link', { name: 'laptop', exact: true }).first().click();
      await heading(tab, 'laptop');
      const may = part(tab, 'laptop may, here');
      const run = permission(may, 'Run plans');
      await run.tick.check();
      await run.says('laptop will run', 'plans home and taxes');
      await may.getByText(/laptop will be able to:.*run all plans/).waitFor();
      await clear(tab, 'grants being edited');
      await may.getByRole('button', { name: 'Save grants' }).click();
      const seen = part(there, 'laptop may, there').getByText('run-operations');
      await seen.waitFor();
      await clear(there, 'page of a peer');
      await told(tab, 'Grants of laptop changed', 'Undo');
      await seen.waitFor({ state: 'detached' });
      assert.ok(await isSamePage(there), 'without a reload');
    });

    test('grants changed elsewhere do not overwrite what is ticked', async () => {
      const may = part(onNas.tab, 'laptop may, here');
      const read = permission(may, 'Read files');
      await read.tick.check();
      await nas.cli('peer', 'grant', 'laptop', 'run-operations=plan:home');
      await may.getByText('These grants were changed elsewhere meanwhile').waitFor();
      assert.ok(await read.tick.isChecked());
      await clear(onNas.tab, 'grants changed elsewhere');
      await may.getByRole('button', { name: 'Take those' }).click();
      assert.ok(!(await read.tick.isChecked()));
      await permission(may, 'Run plans').says('laptop will run', 'plan home');
    });

    test('the ladder says how the other one is reached', async () => {
      const { tab } = onLaptop;
      await tab.getByRole('button', { name: 'Test connection' }).click();
      await tab.getByText('All steps passed.').waitFor({ timeout: 30_000 });
      const rungs = tab.getByRole('list', { name: 'Connection test' }).locator('li.ok');
      assert.deepEqual(await rungs.locator('b').allInnerTexts(), [
        ...['URL', 'DNS', 'TCP', 'TLS', 'HTTP/2', 'Identity', 'Grants', 'Clock', 'Version'],
      ]);
      await clear(tab, 'ladder');
    });

    test('a machine that is gone is offline, with the reason, until it is back', async () => {
      const { tab } = onNas;
      await tab.getByRole('link', { name: 'Peers' }).first().click();
      await heading(tab, 'Peers');
      await mark(tab);
      const clients = tab.getByRole('table', { name: 'Authorized clients' });
      await connected(clients);
      onLaptop.isAway = true;
      await laptop.kill();
      await clients.getByText(/^Offline/).waitFor();
      await clients.locator('.more .fix p').waitFor();
      await clear(tab, 'offline');
      await laptop.run();
      await connected(clients);
      assert.ok(await isSamePage(tab), 'without a reload');
      await onLaptop.tab.locator('text=/No answer from laptop/').waitFor({ state: 'detached' });
      onLaptop.isAway = false;
    });

    test('a removed peer is asked for by name, and told', async () => {
      const { tab } = onNas;
      await choose(tab, 'Remove laptop', 'Actions for laptop');
      const dialog = tab.getByRole('dialog', { name: 'Remove laptop?' });
      const remove = dialog.getByRole('button', { name: 'Remove laptop' });
      await dialog.getByText('its key is refused from now on').waitFor();
      assert.ok(await remove.isDisabled());
      await clear(tab, 'removal');
      await dialog.getByLabel('Type laptop').fill('laptop');
      await remove.click();
      await told(tab, 'laptop removed');
      await tab.getByText('No other machine yet').waitFor();
      const { tab: there } = onLaptop;
      await there.locator('h1', { hasText: 'Refused' }).waitFor({ timeout: 30_000 });
      await there.getByRole('link', { name: 'Pair again' }).waitFor();
      await clear(there, 'refused');
    });
  });
}

describe('tokens that are not taken', () => {
  let nas;
  let attic;
  let cabin;
  let here;
  before(async () => {
    [nas, attic, cabin] = await Promise.all(
      ['nas', 'attic', 'cabin'].map((name) => Daemon.start(name)),
    );
    here = await visit(attic);
  });
  after(async () => {
    await here?.close();
    await Promise.all([nas, attic, cabin].map((daemon) => daemon?.stop()));
  });

  const made = (...words) => nas.cli('token', 'create', ...words);
  const listed = async (id) => (await nas.cli('token', 'list')).find((token) => token.id === id);

  test('each says why, and what to do', async () => {
    const { tab } = here;
    const [spent, short, revoked, open] = [
      await made('--max-uses', '1'),
      await made('--ttl', '1s'),
      await made(),
      await made(),
    ];
    await cabin.cli('join', spent.link);
    await nas.cli('token', 'revoke', revoked.id);
    await until('the short one ends', async () => (await listed(short.id)).state === 'expired');
    const forged = open.link.replace(/:[0-9a-f]{64}#/, `:${'0'.repeat(64)}#`);

    await here.open('/peers/join');
    await refused(tab, spent.link, 'was used as often as it may be', /ask for a new one/i);
    await refused(tab, short.link, 'has expired', /ask for a new one/i);
    await refused(tab, revoked.link, 'was revoked', /ask for a new one/i);
    await refused(tab, forged, 'does not know this token', /check that all of it was copied/i);
    await refused(tab, open.link.replace('#nas', '#sea'), 'is not called sea', /ask for a token/i);
    await refused(tab, open.link.replace(`:${nas.port}`, ':1'), 'no connection to', /runs/i);
    await tab.getByText('steps on the way there').click();
    const broken = tab.getByRole('list', { name: 'Connection test' }).locator('li.fail');
    assert.match(await broken.innerText(), /TCP/);
    await clear(tab, 'where the way ends');
    await tab
      .getByLabel('Token, link or join line')
      .fill(open.link.replace(/[0-9a-f]{8}#nas/, '#nas'));
    await tab.getByText('its secret has 64 characters, and here are 56').waitFor();
    await clear(tab, 'a cut token');
    assert.equal((await attic.cli('peer', 'list')).length, 0, 'nothing was kept of any of it');
  });

  test('the list of tokens tells them apart', async () => {
    const onNas = await visit(nas);
    await onNas.open('/peers');
    const tokens = onNas.tab.getByRole('table', { name: 'Pairing tokens' });
    for (const state of ['Open', 'Used up', 'Expired', 'Revoked'])
      await tokens.getByText(state, { exact: true }).first().waitFor();
    await clear(onNas.tab, 'tokens');
    await onNas.close();
  });
});

/** Which modules of a QR code are dark, as this text needs them. */
function modules(text) {
  const { data } = encode(text, { ecc: 'M', border: 3 });
  return data.flatMap((row, y) => row.flatMap((dark, x) => (dark ? [`${x} ${y}`] : []))).join();
}

async function drawnModules(code) {
  const drawn = await code.locator('path').getAttribute('d');
  return [...drawn.matchAll(/M(\d+ \d+)/g)].map(([, at]) => at).join();
}
