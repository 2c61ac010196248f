// A visit to a daemon's interface by a real browser, that complains of what no visit may show: errors
// in the console, requests to elsewhere, and what the page's policy stopped.
import * as chromium from '../scripts/chromium.mjs';
import { POLICY, fileOf } from '../scripts/serve.mjs';

export { barriers } from '../scripts/chromium.mjs';
const SHOWN = ['desktop-light', 'phone-dark'];
export const SCREENS = chromium.SCREENS.filter(({ name }) => SHOWN.includes(name));

// A folder whose files take the place of those in the program, so that it need not be built again to
// try a change: UI_FROM=dist npm run browser
const FROM = process.env.UI_FROM;

async function fromFolder(route) {
  const found = fileOf(FROM, route.request().url());
  if (!found || route.request().method() !== 'GET') return route.fallback();
  const headers = { 'content-security-policy': POLICY };
  return route.fulfill({ path: found.file, contentType: found.type, headers });
}

export async function takeFiles(context, daemon) {
  if (FROM) await context.route(`${daemon.url}/**`, fromFolder);
}

let browser;
export const launch = async () => (browser = await chromium.launch());
export const close = () => browser.close();

export async function visit(daemon, screen = SCREENS[0]) {
  const { name: _, ...options } = screen;
  const context = await browser.newContext({ ...options, locale: 'en-GB', timezoneId: 'UTC' });
  await takeFiles(context, daemon);
  const tab = await context.newPage();
  const visit = { tab, complaints: [], isAway: false };
  const complain = (text) => visit.complaints.push(text);
  // While the daemon is away, a browser says so in its console by itself.
  const isAbsence = (text) =>
    visit.isAway && /ERR_CONNECTION_REFUSED|ERR_|Failed to fetch/.test(text);
  tab.on('console', (said) => {
    if (said.type() === 'error' && !isAbsence(said.text())) complain(`console: ${said.text()}`);
  });
  tab.on('pageerror', (error) => complain(`script: ${error.message}`));
  tab.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(`${daemon.url}/`)) complain(`request to ${url}`);
    if (url.endsWith('/csp-report')) complain(`policy: ${request.postData()}`);
  });
  visit.open = async (path) => {
    await tab.goto(daemon.url + path);
    await tab.waitForSelector('h1');
  };
  visit.close = async () => {
    await context.close();
    if (visit.complaints.length > 0) throw new Error(visit.complaints.join('\n'));
  };
  return visit;
}
