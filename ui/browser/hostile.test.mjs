// A peer whose files have names that would turn the text around, ring the bell and become elements:
// wherever they are shown, they are text, and what cannot be seen of them is written out.
import assert from 'node:assert/strict';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Daemon } from './daemon.mjs';
import { clear } from './steps.mjs';
import { close, launch, visit } from './visit.mjs';

const HOSTILE = '\u202egpj.<img src=x onerror=alert(1)>\u2066\u0007';
const WRITTEN_OUT = '\\u{202e}gpj.<img src=x onerror=alert(1)>\\u{2066}\\u{7}';

let nas;
let laptop;
before(async () => {
  await launch();
  [nas, laptop] = await Promise.all([Daemon.start('nas'), Daemon.start('laptop')]);
  const files = laptop.files('files', { [`${HOSTILE}.txt`]: 'boo', 'letter.txt': 'Dear Ana' });
  // A file that nobody can read, not even root: the memory of whoever reads it, from its beginning.
  const unreadable = join(laptop.folder, HOSTILE);
  symlinkSync('/proc/self', unreadable);
  await laptop.plan('home', files);
  await laptop.cli(
    'plan',
    'add',
    'odd',
    '--repo',
    'vault',
    '--path',
    files,
    '--path',
    join(unreadable, 'mem'),
  );
  const { link } = await nas.cli('token', 'create', '--ask', 'read-operations=*');
  await laptop.cli('join', link, '--accept-asks');
});
after(async () => {
  await close();
  await Promise.all([nas?.stop(), laptop?.stop()]);
});

/** Nothing of the name has become more than text. */
async function harmless(tab, what) {
  assert.equal(await tab.locator('[onerror], img[src="x"]').count(), 0, what);
  const text = await tab.evaluate(() => document.documentElement.textContent);
  assert.doesNotMatch(text, /[\u202e\u2066\u0007]/, what);
  assert.doesNotMatch(await tab.title(), /[\u202e\u2066\u0007]/, what);
  await clear(tab, what);
}

const written = (within) => within.locator('bdi', { hasText: WRITTEN_OUT }).first().waitFor();

test('what a peer could not read is named, in its history and its output', async () => {
  const run = await laptop.cli('plan', 'backup', 'odd');
  assert.equal(run.status, 'warning');
  const here = await visit(nas);
  await here.open('/ops');
  await here.tab.locator('a.fr', { hasText: 'odd' }).click();
  await written(here.tab.locator('.errors'));
  await harmless(here.tab, 'operation of a peer');
  for (const path of ['/', '/m/laptop', '/m/laptop/plan/odd']) {
    await here.open(path);
    await here.tab.getByText('odd').first().waitFor();
    await harmless(here.tab, path);
  }
  await here.close();
});

test('names in a snapshot are listed as they are', async () => {
  const [snapshot] = [await laptop.cli('snapshots', '--plan', 'odd')].flat();
  const here = await visit(laptop);
  await here.open(`/m/laptop/repo/vault/snap/${snapshot.id}/${join(laptop.folder, 'files')}`);
  await written(here.tab.locator('main'));
  await harmless(here.tab, 'files of a snapshot');
  await here.open('/m/laptop/plan/odd');
  await written(here.tab.locator('main'));
  await harmless(here.tab, 'paths of a plan');
  await here.close();
});
