// A folder of very many files in a snapshot: how long until its first files are there, how long the
// next page takes, and whether any task kept a frame from being drawn while it is scrolled through.
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { ask, timed } from './instance.mjs';
import { marked, openTab } from './tab.mjs';
import { scrolled, told } from './scrolling.mjs';

const PAGE_MS = 100;
const NEXT = 5_000;
/** Faster than on other pages, or a million files would take hours. */
const PIXELS_PER_SECOND = 20_000;

export async function files({ browser, daemon, report, scale }) {
  const folder = empty(join(daemon.folder, 'many'), scale.files);
  await daemon.plan('many', folder);
  let begun = Date.now();
  await daemon.cli('plan', 'backup', 'many');
  report.add('files: backup of as many empty files', (Date.now() - begun) / 1000, 's');
  const snapshot = JSON.parse((await ask(daemon, 'SnapshotService/List', { plan: 'many' })).trim());
  await paged(daemon, report, scale, { snapshot, folder });
  await looked(browser, daemon, report, scale, { snapshot, folder });
}

function empty(folder, many) {
  mkdirSync(folder);
  for (let i = 0; i < many; i += 1)
    closeSync(openSync(join(folder, `IMG_${String(i).padStart(7, '0')}.jpg`), 'w'));
  return folder;
}

/** As a script asks: the first page lists the folder with restic, the next ones are cut from that. */
async function paged(daemon, report, scale, { snapshot, folder }) {
  const named = { snapshot: { repo: 'vault', snapshot: snapshot.id }, path: folder };
  const page = (more) => timed(daemon, 'SnapshotService/Ls', { ...named, ...more });
  const last = ({ text }) => JSON.parse(text.trimEnd().split('\n').at(-1)).path;
  const first = await page({ limit: 500 });
  report.add(
    'files: first page, listed by restic',
    first.ms,
    'ms',
    undefined,
    `${scale.files} files`,
  );
  const next = [];
  let after = last(first);
  for (let i = 0; i < scale.repeats; i += 1) {
    const answer = await page({ after, limit: NEXT });
    after = last(answer);
    next.push(answer.ms);
  }
  report.several(`files: next page of ${NEXT}`, next, 'ms', PAGE_MS);
  const middle = join(folder, `IMG_${String(Math.floor(scale.files / 2)).padStart(7, '0')}.jpg`);
  const far = [];
  for (let i = 0; i < scale.repeats; i += 1)
    far.push((await page({ after: middle, limit: NEXT })).ms);
  report.several(`files: page of ${NEXT} in the middle`, far, 'ms', PAGE_MS);
}

async function looked(browser, daemon, report, scale, { snapshot, folder }) {
  const { context, tab } = await openTab(browser, daemon, ['.fn a']);
  await tab.goto(`${daemon.url}/m/nas/repo/vault/snap/${snapshot.id}${folder}`);
  await marked(tab, 'there');
  const speed = PIXELS_PER_SECOND;
  const trace = await scrolled(browser, tab, scale.seconds * 3, { down: true, speed });
  const rows = await tab.evaluate(() => document.querySelector('[aria-setsize]').ariaSetSize);
  told(
    report,
    'scrolling through the files',
    trace,
    `${Number(rows).toLocaleString('en-US')} of them were loaded`,
  );
  await context.close();
}
