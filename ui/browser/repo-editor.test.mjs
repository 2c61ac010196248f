// The editor of a repo: its labels and what they count for, and edits of the file while it is open.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Daemon, until } from './daemon.mjs';
import { isSamePage, mark } from './pairing-steps.mjs';
import { clear, heading, told } from './steps.mjs';
import { SCREENS, close, launch, visit } from './visit.mjs';

const PAGE = '/m/nas/repo/vault';
const EDITOR = `${PAGE}/edit`;

let daemon;
before(async () => {
  await launch();
  daemon = await Daemon.start('nas');
  await daemon.plan('home', daemon.files('home', { 'letter.txt': 'Dear Ana' }));
  await daemon.cli('plan', 'backup', 'home');
});
after(async () => {
  await close();
  await daemon?.stop();
});

const field = (tab, name) => tab.getByLabel(name, { exact: true });
const save = (tab) => tab.getByRole('button', { name: 'Save repo' });

/** What Fleet says of all plans, by one of its words. */
const covered = (tab, word, how) =>
  tab
    .getByRole('region', { name: '3-2-1 coverage' })
    .locator('dl > div', { hasText: word })
    .locator('dd', { hasText: how })
    .waitFor();

test('labels are written beside the comments, and count where copies are counted', async () => {
  const comments = ['# The box in the attic.', '# Asked for by Ana.', '# The end.'];
  daemon.edits(/\[\[repo\]\]\n/, `\n${comments[0]}\n[[repo]]\n${comments[1]}\n`);
  daemon.edits(/$/, `\n${comments[2]}\n`);
  const fleet = await visit(daemon);
  await fleet.open('/');
  await mark(fleet.tab);
  await covered(fleet.tab, 'kinds of storage', '0 of 1');
  await covered(fleet.tab, 'off-site', '0 of 1');

  const here = await visit(daemon);
  const { tab } = here;
  await here.open(PAGE);
  const facts = tab.getByRole('region', { name: 'This repo' });
  await facts.getByText('kind not said').waitFor();
  await facts.getByText('not counted as off-site').waitFor();
  await facts.getByRole('link', { name: 'change labels' }).click();
  await heading(tab, 'Edit vault');
  await field(tab, 'Kind').fill('server');
  await field(tab, 'Place').fill('off-site, Milan');
  await tab.getByText('As TOML').click();
  await tab.locator('pre', { hasText: 'place = "off-site, Milan"' }).waitFor();
  await clear(tab, 'labels, typed');
  await save(tab).click();
  await told(tab, 'vault was saved');
  await heading(tab, 'vault');
  await facts.getByText('server, off-site, Milan').waitFor();
  await clear(tab, 'labels, saved');

  assert.match(daemon.written(), /kind = "server"/);
  assert.match(daemon.written(), /place = "off-site, Milan"/);
  for (const comment of comments) assert.ok(daemon.written().includes(comment), comment);

  await covered(fleet.tab, 'kinds of storage', '1 of 1');
  await covered(fleet.tab, 'off-site', '1 of 1');
  await fleet.tab
    .getByRole('img', { name: 'fewer than 3 copies, 2 kinds of storage, off-site copy' })
    .waitFor();
  assert.ok(await isSamePage(fleet.tab), 'without a reload');
  await clear(fleet.tab, 'coverage');
  await here.close();
  await fleet.close();
});

for (const screen of SCREENS) {
  test(`a file that changes under an open editor: ${screen.name}`, async () => {
    const begin = ['--kind', 'server', '--place', 'attic', '--parallel', '2', '--forget', 'last=5'];
    await daemon.cli('repo', 'edit', 'vault', ...begin);
    const here = await visit(daemon, screen);
    const { tab } = here;
    await here.open(EDITOR);
    await mark(tab);
    const mine = { Kind: 'cloud', Place: 'off-site, Rome', Keep: 'daily=9' };
    const typed = async () => {
      const names = Object.keys(mine);
      const values = await Promise.all(names.map((name) => field(tab, name).inputValue()));
      return Object.fromEntries(names.map((name, i) => [name, values[i]]));
    };
    for (const [name, text] of Object.entries(mine)) await field(tab, name).fill(text);
    await tab.getByRole('button', { name: 'Add a variable' }).click();
    await field(tab, 'Variable').fill('AWS_PROFILE');
    await field(tab, 'Value AWS_PROFILE').fill('backup');

    // An untouched field with them, which comes in.
    daemon.edits(/parallel = 2/, 'parallel = 3');
    daemon.edits(/place = "attic"/, 'place = "off-site, Oslo"');
    daemon.edits(/kind = "server"/, 'kind = "disk"');
    const conflict = tab.getByRole('alert').filter({ hasText: 'changed here and elsewhere' });
    const choice = (of) => conflict.getByRole('group', { name: `Which value of ${of} counts` });
    await choice('Place').getByText('off-site, Oslo').waitFor();
    await choice('Kind').getByText('disk').waitFor();
    assert.equal(await field(tab, 'Operations at once').inputValue(), '3');
    assert.deepEqual(await typed(), mine, 'what is typed stays');
    assert.ok(await save(tab).isDisabled(), 'one of the two is to be chosen first');
    await clear(tab, 'conflict in the repo editor');

    mine.Place = 'off-site, Turin';
    await field(tab, 'Place').fill(mine.Place);
    // What is asked stays asked when something else changes, and follows what is there.
    daemon.edits(/parallel = 3/, 'parallel = 4');
    await until('taken', async () => (await field(tab, 'Operations at once').inputValue()) === '4');
    daemon.edits(/kind = "disk"/, 'kind = "tape"');
    await choice('Kind').getByText('tape').waitFor();
    await choice('Kind').getByRole('button', { name: 'Take theirs' }).click();
    await choice('Place').getByText('off-site, Turin').waitFor();
    await choice('Place').getByRole('button', { name: 'Keep yours' }).click();
    await conflict.waitFor({ state: 'detached' });
    assert.deepEqual(await typed(), { ...mine, Kind: 'tape' });
    assert.ok(await isSamePage(tab), 'without a reload');
    await save(tab).click();
    await told(tab, 'vault was saved');
    const saved = [
      ...[/place = "off-site, Turin"/, /kind = "tape"/, /parallel = 4/],
      ...[/daily = 9/, /AWS_PROFILE = "backup"/],
    ];
    for (const line of saved) assert.match(daemon.written(), line);
    await here.close();
  });
}

test('a lock alarm and retries are written, and what the daemon says of them is at their field', async () => {
  const here = await visit(daemon);
  const { tab } = here;
  await here.open(EDITOR);
  await field(tab, 'Tell of a lock after').fill('12h');
  await field(tab, 'Attempts at upkeep, in all').fill('12');
  await tab.getByText('at most 10').first().waitFor();
  await clear(tab, 'more attempts than there may be');
  await field(tab, 'Attempts at upkeep, in all').fill('5');
  await field(tab, 'Wait before the second attempt').fill('30m');
  await tab.getByText('at most 10').first().waitFor({ state: 'detached' });
  await save(tab).click();
  await told(tab, 'vault was saved');
  assert.match(daemon.written(), /lock-alarm = "12h"/);
  assert.match(daemon.written(), /attempts = 5/);
  assert.match(daemon.written(), /wait = "30m"/);
  await here.close();
});
