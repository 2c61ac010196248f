// A visit to a daemon's interface by a real browser, that complains of what no visit may show: errors
// in the console, requests to elsewhere, and what the page's policy stopped.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium-headless-shell';
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice'];

export const SCREENS = [
  { name: 'desktop-light', viewport: { width: 1400, height: 900 }, colorScheme: 'light' },
  {
    name: 'phone-dark',
    viewport: { width: 390, height: 844 },
    colorScheme: 'dark',
    hasTouch: true,
    isMobile: true,
  },
];

let browser;
export const launch = async () => (browser = await chromium.launch({ executablePath: CHROMIUM }));
export const close = () => browser.close();

export async function visit(daemon, screen = SCREENS[0]) {
  const { name: _, ...options } = screen;
  const context = await browser.newContext({ ...options, locale: 'en-GB', timezoneId: 'UTC' });
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
    if (!url.startsWith(daemon.url)) complain(`request to ${url}`);
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

// What axe finds on the page as it is now.
export async function barriers(tab) {
  await tab.evaluate(axe);
  const found = await tab.evaluate((rules) => window.axe.run({ runOnly: rules }), RULES);
  return found.violations.map(
    (each) => `${each.id}: ${each.help}: ${each.nodes.map((node) => node.html).join(' ')}`,
  );
}
