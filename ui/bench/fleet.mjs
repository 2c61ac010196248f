// The first page with an empty cache: when it says whether everything is backed up, with all plans
// drawn below it, and what was loaded until then.
import http from 'node:http';
import { openTab, marked } from './tab.mjs';
import { LONG_MS, traced } from './trace.mjs';

const PAINT_MS = 1_000;
const SCRIPTS_KB = 150;
const DRAWN = ['#verdict', '.tmap svg'];

export async function fleet({ browser, daemon, report, scale }) {
  const loads = [];
  for (let i = 0; i < scale.repeats; i += 1) loads.push(await load(browser, daemon));
  const of = (part) => loads.map((each) => each[part]);
  report.several(
    'fleet: first meaningful paint, cold',
    of('drawn'),
    'ms',
    PAINT_MS,
    'heading and every plan drawn',
  );
  report.several('fleet: anything painted', of('first'), 'ms', undefined);
  report.several('fleet: the page on a core until then', of('cpu'), 'ms', undefined);
  const scripts = [...new Set(loads.flatMap((each) => each.scripts))];
  let bytes = 0;
  for (const url of scripts) bytes += await compressed(url);
  report.add(
    'fleet: JavaScript, gzip',
    bytes / 1000,
    'kB',
    SCRIPTS_KB,
    `${scripts.length} files, as the daemon sends them`,
  );
}

async function load(browser, daemon) {
  const { context, tab } = await openTab(browser, daemon, DRAWN, { served: true });
  const scripts = [];
  let isDrawn = false;
  tab.on('request', (request) => {
    if (request.resourceType() === 'script' && !isDrawn) scripts.push(request.url());
  });
  const trace = await traced(browser, async () => {
    await tab.goto(`${daemon.url}/`, { waitUntil: 'commit' });
    await marked(tab, 'there');
    isDrawn = true;
  });
  await context.close();
  const begun = trace.navigation(daemon.url);
  const drawn = trace.drawn(trace.mark('there'));
  const tasks = trace.tasks(begun, drawn);
  if (process.env.TASKS) console.log(tasks.filter(({ ms }) => ms >= LONG_MS));
  return {
    drawn: drawn - begun,
    first: trace.drawn(begun) - begun,
    cpu: tasks.reduce((sum, task) => sum + task.cpu, 0),
    scripts,
  };
}

/** Bytes on the way; `fetch` would take the encoding away. */
function compressed(url) {
  const asked = new Promise((then, wrong) => {
    http.get(url, { headers: { 'accept-encoding': 'gzip' } }, then).on('error', wrong);
  });
  return asked.then(async (answer) => {
    if (answer.headers['content-encoding'] !== 'gzip') throw new Error(`${url} is not compressed`);
    let bytes = 0;
    for await (const part of answer) bytes += part.length;
    return bytes;
  });
}
