// Scrolling as a wheel does it, in a trace: whether any task kept a frame from being drawn.
import { mark, marked, openTab } from './tab.mjs';
import { LONG_MS, traced } from './trace.mjs';

/** Some four windows a second. */
const PIXELS_PER_SECOND = 4_000;

export async function scrolling({ browser, daemon, report, scale }) {
  await fleetPage(browser, daemon, report, scale);
  await operationsPage(browser, daemon, report, scale);
}

/** Every group open, with all of its machines. */
async function fleetPage(browser, daemon, report, scale) {
  const { context, tab } = await openTab(browser, daemon, ['#verdict', '.gh']);
  await tab.goto(`${daemon.url}/`);
  await marked(tab, 'there');
  await clickEach(tab, '.gh[aria-expanded="false"]');
  await clickEach(tab, '.grp .more button');
  const rows = await tab.locator('.grp tbody tr').count();
  const trace = await scrolled(browser, tab, scale.seconds);
  told(report, 'scrolling the fleet page', trace, `${rows} machines in sight`);
  await context.close();
}

/** What is clicked is no longer found. */
async function clickEach(tab, selector) {
  const next = tab.locator(selector).first();
  while ((await next.count()) > 0) await next.click();
}

async function operationsPage(browser, daemon, report, scale) {
  const { context, tab } = await openTab(browser, daemon, ['.flow']);
  await tab.goto(`${daemon.url}/ops?time=ever`);
  await marked(tab, 'there');
  const trace = await scrolled(browser, tab, scale.seconds, { down: true });
  const seen = await tab.evaluate(() => Math.round(window.scrollY));
  told(report, 'scrolling the operations', trace, `${seen.toLocaleString('en-US')} pixels down`);
  await context.close();
}

/** Down only, or down and up in turns, until the time is over. */
export async function scrolled(
  browser,
  tab,
  seconds,
  { down = false, speed = PIXELS_PER_SECOND } = {},
) {
  const session = await tab.context().newCDPSession(tab);
  const { width, height } = tab.viewportSize();
  const gesture = (pixels) =>
    session.send('Input.synthesizeScrollGesture', {
      x: width / 2,
      y: height / 2,
      yDistance: -pixels,
      speed,
      gestureSourceType: 'mouse',
      preventFling: true,
    });
  const trace = await traced(browser, async () => {
    await mark(tab, 'from');
    const end = Date.now() + seconds * 1000;
    for (let turn = 0; Date.now() < end; turn += 1)
      await gesture(down || turn % 2 === 0 ? speed : -speed);
    await mark(tab, 'to');
  });
  await session.detach();
  return trace;
}

/** The longest task as it was felt, and without what it waited for a core. */
export function told(report, figure, trace, note) {
  const [from, to] = [trace.mark('from'), trace.mark('to')];
  const tasks = trace.tasks(from, to);
  const longer = (part) => tasks.filter((task) => task[part] > LONG_MS);
  const longest = (part) => Math.max(...tasks.map((task) => task[part]));
  const rate = Math.round(trace.frames(from, to) / ((to - from) / 1000));
  const many = (part) => `${longer(part).length} of ${tasks.length} are longer`;
  const about = `${many('ms')}; ${rate} frames a second; ${note}`;
  report.add(`${figure}: longest task`, longest('ms'), 'ms', LONG_MS, about);
  report.add(`${figure}: longest task, on a core`, longest('cpu'), 'ms', LONG_MS, many('cpu'));
  if (process.env.TASKS) console.log(longer('ms').slice(0, 12));
}
