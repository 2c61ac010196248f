// From the click on a link to the frame that shows the page with its data.
import { median } from './report.mjs';
import { MACHINES } from './scale.mjs';
import { expect, marked, openTab } from './tab.mjs';
import { LONG_MS, traced } from './trace.mjs';

const CHANGE_MS = 100;
const MACHINE = `peer-${String(MACHINES / 2).padStart(5, '0')}`;
const inMain = (link) => `main a[href="${link}"]`;
const inRail = (link) => `.rail a[href="${link}"]`;

/** A way through the pages: what is clicked, and what is there afterwards. */
const WAY = [
  { page: 'operations', link: inRail('/ops'), there: ['.flow'] },
  { page: 'restore', link: inRail('/restore'), there: ['main .empty'] },
  { page: 'peers', link: inRail('/peers'), there: ['table.peers tbody tr'] },
  {
    page: 'machine',
    first: (tab) => tab.fill('.railfind input', MACHINE),
    link: inRail(`/m/${MACHINE}`),
    there: ['table.mplans tbody tr', '.mops li'],
  },
  {
    page: 'plan',
    link: inMain(`/m/${MACHINE}/plan/plan-0003`),
    there: ['.runs:not(.mops) li'],
  },
  { page: 'settings', link: inRail('/settings/instance'), there: ['.setcol .sheet'] },
  { page: 'fleet', link: inRail('/'), there: ['#verdict', '.tmap svg'] },
];

export async function pages({ browser, daemon, report, scale }) {
  const { context, tab } = await openTab(browser, daemon, ['#verdict']);
  await tab.goto(`${daemon.url}/`);
  await marked(tab, 'there');
  const first = await way(browser, tab, 0);
  const again = [];
  for (let turn = 1; turn <= scale.repeats; turn += 1) again.push(await way(browser, tab, turn));
  await context.close();
  for (const { page, ms, cpu } of first)
    report.add(`page change: ${page}, for the first time`, ms, 'ms', CHANGE_MS, onCore(cpu));
  for (const [i, { page }] of WAY.entries()) {
    const of = (part) => again.map((each) => each[i][part]);
    report.several(`page change: ${page}`, of('ms'), 'ms', CHANGE_MS, onCore(median(of('cpu'))));
  }
}

/** What the page itself did of it, without waiting for the daemon, the disk or a core. */
const onCore = (cpu) => `${Math.round(cpu)} ms of it the page on a core`;

async function way(browser, tab, turn) {
  const taken = [];
  for (const step of WAY) {
    const name = `${step.page}-${turn}`;
    await step.first?.(tab);
    await tab.waitForSelector(step.link);
    const trace = await traced(browser, async () => {
      await expect(tab, name, step.there);
      await tab.click(step.link);
      await marked(tab, name);
    });
    const begun = trace.dispatched('click');
    const drawn = trace.drawn(trace.mark(name));
    const tasks = trace.tasks(begun, drawn);
    if (process.env.TASKS)
      console.log(
        name,
        tasks.filter(({ ms }) => ms >= LONG_MS / 2),
      );
    const cpu = tasks.reduce((sum, task) => sum + task.cpu, 0);
    taken.push({ page: step.page, ms: drawn - begun, cpu });
  }
  return taken;
}
