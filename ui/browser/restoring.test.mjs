// What was backed up is looked at, compared, saved by the browser and written back: with names that
// would like to be something else, on a desk and on a phone.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { Daemon, until } from './daemon.mjs';
import { clear, heading, noise } from './steps.mjs';
import { close, launch, SCREENS, visit } from './visit.mjs';
import { unzipped } from './zip.mjs';

const [desk, phone] = SCREENS;
/** restic that restores over what is there, where `.ci/install` has put it. */
const PUT = resolve('../target/tools/restic-0.18/restic');
const NEWER = existsSync(PUT) ? PUT : undefined;
/** Two by two, red. */
const PICTURE = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAEElEQVR4nGP4z8AARAwQCgAf7gP9i18U1AAAAABJRU5ErkJggg==',
  'base64',
);
/** As they are on disk, and as they may be shown. */
const HOSTILE = {
  '<b>bold<img src=x onerror=alert(1)>.txt': '<b>bold<img src=x onerror=alert(1)>.txt',
  'it\'s "quoted" & more.txt': 'it\'s "quoted" & more.txt',
  'invoice\u202efdp.exe': 'invoice\\u{202e}fdp.exe',
  'two\nlines.txt': 'two\\nlines.txt',
};

let daemon;
let home;
before(async () => {
  await launch();
  daemon = await Daemon.start('nas');
  const hostile = Object.fromEntries(Object.keys(HOSTILE).map((name) => [`odd/${name}`, name]));
  home = daemon.files('home', {
    ...hostile,
    'docs/letter.txt': 'Dear Ana',
    'docs/old.txt': 'gone soon',
    'photos/red.png': PICTURE,
    'big/noise.bin': noise(24),
  });
  await daemon.plan('home', home);
  await daemon.cli('plan', 'backup', 'home');
  writeFileSync(join(home, 'docs/letter.txt'), 'Dear Ana, and Ben');
  writeFileSync(join(home, 'docs/new.txt'), 'here since');
  rmSync(join(home, 'docs/old.txt'));
  await daemon.cli('plan', 'backup', 'home');
});
after(async () => {
  await close();
  await daemon?.stop();
});

const newest = (folder = '') => `/m/nas/repo/vault/snap/latest${home}/${folder}?plan=home`;
const file = (tab, name) => tab.locator('.row a', { hasText: name });

/** What the browser saves when this is done. */
async function saved(tab, act) {
  const [download] = await Promise.all([tab.waitForEvent('download'), act()]);
  return { name: download.suggestedFilename(), bytes: readFileSync(await download.path()) };
}

/** From the list of what can be restored to a folder of the newest snapshot. */
async function toDocs(tab) {
  await tab
    .getByRole('link', { name: /nas\s*\/\s*home/ })
    .first()
    .click();
  await heading(tab, 'home, as of today');
  await file(tab, 'docs').click();
}

test('from Restore to a file: folders, preview, versions, search', async () => {
  const here = await visit(daemon, desk);
  const { tab } = here;
  await here.open('/restore');
  await clear(tab, 'restore');
  await toDocs(tab);
  await file(tab, 'letter.txt').waitFor();
  await clear(tab, 'files of a folder');
  await file(tab, 'letter.txt').click();
  await tab.getByText('Dear Ana, and Ben').waitFor();
  await tab.getByRole('dialog').getByText('17 B').waitFor();
  await tab.getByRole('dialog').getByText(/^rw-/).waitFor();
  await tab.getByRole('button', { name: 'Find other versions' }).click();
  await tab.locator('.versions li').nth(1).waitFor();
  await clear(tab, 'a text and its versions');
  await tab.locator('.versions li').nth(1).getByRole('link').first().click();
  await tab.locator('dialog pre', { hasText: /^Dear Ana$/ }).waitFor();
  await tab.keyboard.press('Escape');

  await tab.getByRole('searchbox', { name: 'Find in all snapshots' }).fill('letter');
  await tab.keyboard.press('Enter');
  await tab.getByText('in 2 snapshots').waitFor();
  await clear(tab, 'found names');
  await tab.locator('main summary', { hasText: 'More' }).click();
  await tab.getByRole('checkbox', { name: 'Only the newest snapshot of each plan' }).check();
  await tab.getByText('in 1 snapshot').waitFor();
  await clear(tab, 'found in the newest only');
  await tab.getByLabel('Until').fill('2001-01-01');
  await tab.keyboard.press('Tab');
  await tab.getByText('No name in these snapshots fits.').waitFor();
  await tab.reload();
  await tab.getByText('No name in these snapshots fits.').waitFor();

  await here.open(newest('photos'));
  await file(tab, 'red.png').click();
  const width = () => tab.locator('dialog img').evaluate((image) => image.naturalWidth);
  await until('the picture', async () => (await width()) === 2);
  await clear(tab, 'a picture');
  await here.close();
});

test('what there is to restore is narrowed by host and path, and keeps that', async () => {
  const here = await visit(daemon, desk);
  const { tab } = here;
  await here.open('/restore');
  await tab.locator('main summary', { hasText: 'More' }).click();
  await tab.getByLabel('Host').fill('no-such-host');
  await tab.keyboard.press('Tab');
  await tab.getByText('No snapshot has all of that.').waitFor();
  await clear(tab, 'nothing of that host');
  await tab.getByRole('button', { name: 'Clear' }).click();
  await tab.getByLabel('Saved path').fill(join(home, 'docs'));
  await tab.keyboard.press('Tab');
  await tab.waitForURL(/path=/);
  await tab.reload();
  await tab
    .getByRole('link', { name: /nas\s*\/\s*home/ })
    .first()
    .waitFor();
  await clear(tab, 'what has a path');
  await here.close();
});

test('a snapshot is opened by the beginning of its id', async () => {
  const here = await visit(daemon, desk);
  const { tab } = here;
  const [first] = await daemon.list('snapshots');
  await here.open('/');
  await tab.keyboard.press('Control+k');
  await tab.getByRole('combobox').fill(first.id.slice(0, 12));
  await tab.getByText(`Open snapshot ${first.id.slice(0, 12)}`).click();
  await tab.waitForURL(`**/snap/${first.short_id}/**`);
  await tab.locator('.lede code', { hasText: first.short_id }).waitFor();
  await here.close();
});

test('two snapshots compared', async () => {
  const here = await visit(daemon, desk);
  const { tab } = here;
  await here.open(newest());
  await tab.getByRole('button', { name: 'Compare' }).click();
  const row = (kind, name) =>
    tab.locator('.row', { hasText: kind }).filter({ hasText: name }).waitFor();
  await row('Added', 'new.txt');
  await row('Removed', 'old.txt');
  await row('Changed', 'letter.txt');
  await clear(tab, 'two snapshots compared');
  await tab.getByRole('button', { name: /^Removed/ }).click();
  await tab.locator('.row', { hasText: 'new.txt' }).waitFor({ state: 'detached' });
  await tab.locator('.row a', { hasText: 'old.txt' }).click();
  await tab.locator('dialog pre', { hasText: 'gone soon' }).waitFor();
  await here.close();
});

test('snapshots of two plans compared', async () => {
  await daemon.cli('plan', 'add', 'docs', '--repo', 'vault', '--path', join(home, 'docs'));
  await daemon.cli('plan', 'backup', 'docs');
  const here = await visit(daemon, desk);
  const { tab } = here;
  await here.open(`${newest()}&compare=older`);
  await tab.getByRole('combobox', { name: 'Snapshots of' }).selectOption('nas / docs');
  await tab.locator('.row', { hasText: 'Removed' }).filter({ hasText: 'noise.bin' }).waitFor();
  await clear(tab, 'snapshots of two plans compared');
  await tab.reload();
  await tab.locator('.row', { hasText: 'Removed' }).filter({ hasText: 'noise.bin' }).waitFor();
  await here.close();
});

test('saved by the browser, byte for byte', async () => {
  const here = await visit(daemon, desk);
  const { tab } = here;
  await here.open(newest('docs'));
  await file(tab, 'letter.txt').click();
  const dialog = tab.getByRole('dialog');
  const letter = await saved(tab, () =>
    dialog.getByRole('link', { name: 'Download', exact: true }).click(),
  );
  assert.equal(letter.name, 'letter.txt');
  assert.equal(letter.bytes.toString(), 'Dear Ana, and Ben');

  await here.open(newest());
  await tab.getByRole('checkbox', { name: 'Select docs' }).check();
  await tab.getByRole('radio', { name: /My browser/ }).check();
  await clear(tab, 'download of a folder');
  const zip = await saved(tab, () =>
    tab.getByRole('link', { name: 'Download', exact: true }).click(),
  );
  assert.equal(zip.name, 'docs.zip');
  const files = unzipped(zip.bytes);
  const of = (name) => [...files].find(([path]) => path.endsWith(name))?.[1].toString();
  assert.equal(of('docs/letter.txt'), 'Dear Ana, and Ben');
  assert.equal(of('docs/new.txt'), 'here since');
  assert.equal(of('docs/old.txt'), undefined);
  await here.close();
});

test('names are only names', async () => {
  const here = await visit(daemon, desk);
  const { tab } = here;
  await here.open(newest('odd'));
  for (const [name, shown] of Object.entries(HOSTILE)) {
    const link = file(tab, shown);
    await link.waitFor();
    assert.equal(await link.textContent(), shown);
    await link.click();
    await tab.getByRole('dialog', { name: shown }).waitFor();
    const download = tab.getByRole('dialog').getByRole('link', { name: 'Download', exact: true });
    const got = await saved(tab, () => download.click());
    assert.equal(got.bytes.toString(), name);
    assert.doesNotMatch(got.name, /[\n\u202e]/u);
    await tab.keyboard.press('Escape');
  }
  await tab.getByRole('checkbox', { name: 'Select everything here' }).check();
  await clear(tab, 'hostile names, ticked');
  assert.doesNotMatch(await tab.locator('main').innerText(), /\u202e/u);
  assert.equal(await tab.locator('main :is(.row, .picked) :is(b, img)').count(), 0);
  await here.close();
});

test('a folder is restored to a new place', async () => {
  const here = await visit(daemon, desk);
  const { tab } = here;
  const target = join(daemon.folder, 'back');
  await here.open(newest());
  await tab.getByRole('checkbox', { name: 'Select big' }).check();
  await tab.getByRole('checkbox', { name: 'Select docs' }).check();
  const folder = tab.getByRole('textbox', { name: 'Folder' });
  await folder.fill('back');
  await tab.getByText('Write the whole path, from / on.').waitFor();
  await folder.fill(target);
  await tab.getByRole('button', { name: 'Restore', exact: true }).click();
  await tab.getByText('Done').waitFor({ timeout: 90_000 });
  await clear(tab, 'a restore that is done');
  assert.equal(readFileSync(join(target, home, 'docs/letter.txt'), 'utf8'), 'Dear Ana, and Ben');
  assert.ok(!existsSync(join(target, home, 'photos')));

  await tab.reload();
  await tab.locator('.run code', { hasText: target }).waitFor();
  await tab.getByRole('button', { name: 'Restore something else' }).click();
  await tab.getByRole('textbox', { name: 'Folder' }).fill(target);
  await tab.getByRole('button', { name: 'Restore', exact: true }).click();
  await tab
    .locator('.run, .rf')
    .getByText(/is not an empty folder/)
    .waitFor();
  await clear(tab, 'a restore that is refused');
  await here.close();
});

test('of a folder only what matches is restored', async () => {
  const here = await visit(daemon, desk);
  const { tab } = here;
  const target = join(daemon.folder, 'letters');
  await here.open(newest());
  await tab.getByRole('checkbox', { name: 'Select docs' }).waitFor();
  await tab.getByRole('textbox', { name: 'Folder' }).fill(target);
  await tab.getByRole('textbox', { name: 'Only what matches' }).fill('letter.*\n*.png');
  await clear(tab, 'only what matches');
  await tab.getByRole('button', { name: 'Restore', exact: true }).click();
  await tab.getByText('Done').waitFor({ timeout: 90_000 });
  assert.equal(readFileSync(join(target, home, 'docs/letter.txt'), 'utf8'), 'Dear Ana, and Ben');
  assert.ok(existsSync(join(target, home, 'photos/red.png')));
  assert.ok(!existsSync(join(target, home, 'docs/new.txt')));
  await here.close();
});

test('where it was: rehearsed, and overwritten only by its name', { skip: !NEWER }, async () => {
  const machine = await Daemon.start('desk', `restic = ${JSON.stringify(NEWER)}\n`);
  const letter = join(machine.files('home', { 'letter.txt': 'Dear Ana' }), 'letter.txt');
  await machine.plan('home', join(machine.folder, 'home'));
  await machine.cli('plan', 'backup', 'home');
  writeFileSync(letter, 'spoiled by somebody');

  const here = await visit(machine, desk);
  const { tab } = here;
  await here.open(`/m/desk/repo/vault/snap/latest${machine.folder}/home?plan=home`);
  await tab.getByRole('checkbox', { name: 'Select letter.txt' }).check();
  await tab.getByRole('radio', { name: /Where it was/ }).check();
  await tab.getByRole('button', { name: 'Dry run' }).click();
  await tab.getByText('1 file would be overwritten').waitFor();
  await clear(tab, 'dry run');
  await tab.keyboard.press('Escape');
  await tab.getByRole('button', { name: 'Restore 8 B' }).click();
  const act = tab.getByRole('button', { name: 'Overwrite 1 file' });
  await act.waitFor();
  assert.ok(await act.isDisabled());
  await clear(tab, 'overwriting is asked');
  assert.equal(readFileSync(letter, 'utf8'), 'spoiled by somebody');
  await tab.getByLabel('Type home to overwrite these files').fill('home');
  await act.click();
  await tab.getByText('Done').waitFor();
  assert.equal(readFileSync(letter, 'utf8'), 'Dear Ana');
  await here.close();
  await machine.stop();
});

test('a restore that takes its time is seen to go on', { skip: !NEWER }, async () => {
  const machine = await Daemon.start('slow', `restic = ${JSON.stringify(NEWER)}\n`);
  const many = Object.fromEntries(Array.from({ length: 24 }, (_, i) => [`${i}.bin`, noise(1)]));
  await machine.plan('home', machine.files('home', many));
  // restic counts what it has of a pack when it has all of it.
  await machine.cli('repo', 'edit', 'vault', '--pack-size', '4MiB');
  await machine.cli('plan', 'backup', 'home');
  await machine.cli('repo', 'edit', 'vault', '--limit-download', '4MiB');

  const here = await visit(machine, phone);
  const { tab } = here;
  await here.open(`/m/slow/repo/vault/snap/latest${machine.folder}/home?plan=home`);
  await tab.getByRole('checkbox', { name: 'Select 0.bin' }).waitFor();
  await tab
    .getByRole('button', { name: /^Restore/ })
    .last()
    .click();
  const folder = tab.getByRole('textbox', { name: 'Folder' });
  await folder.fill(join(machine.folder, 'back'));
  await tab.getByRole('button', { name: 'Restore', exact: true }).last().click();
  const bar = tab.getByRole('progressbar');
  await bar.waitFor();
  const seen = new Set();
  await until(
    'the restore is done',
    async () => {
      if (await bar.count())
        seen.add(await bar.getAttribute('aria-valuenow', { timeout: 500 }).catch(() => null));
      return (await tab.getByText('Done').count()) > 0;
    },
    60_000,
  );
  const between = [...seen].map(Number).filter((percent) => percent > 0 && percent < 100);
  assert.ok(between.length >= 2, `percent seen: ${[...seen].join(', ')}`);
  await here.close();
  await machine.stop();
});

test('a file from a phone', async () => {
  const here = await visit(daemon, phone);
  const { tab } = here;
  await here.open('/');
  await tab.getByRole('link', { name: 'Restore' }).last().click();
  await toDocs(tab);
  await clear(tab, 'files on a phone');
  await file(tab, 'letter.txt').click();
  await tab.getByText('Dear Ana, and Ben').waitFor();
  await clear(tab, 'a file on a phone');
  const dialog = tab.getByRole('dialog');
  const letter = await saved(tab, () =>
    dialog.getByRole('link', { name: 'Download', exact: true }).click(),
  );
  assert.equal(letter.bytes.toString(), 'Dear Ana, and Ben');
  await dialog.getByRole('button', { name: 'Restore this file' }).click();
  const target = join(daemon.folder, 'pocket');
  await tab.getByRole('textbox', { name: 'Folder' }).fill(target);
  await clear(tab, 'restore sheet');
  await dialog.getByRole('button', { name: /^Restore/ }).click();
  await dialog.getByText('Done').waitFor({ timeout: 90_000 });
  await clear(tab, 'restore sheet, done');
  assert.equal(readFileSync(join(target, home, 'docs/letter.txt'), 'utf8'), 'Dear Ana, and Ben');
  await here.close();
});
