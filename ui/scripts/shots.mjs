// Draws pages in a real browser, as a person would see them, and checks them with axe.
//
//   npm run build:fixtures && npm run shots [OUT [NAME …]]
//
// NAME is one of scripts/pages.mjs or the beginning of some, or MODE:/path for any other page. The
// clock stands still, so that a picture changes only with what it shows. Fails on what axe finds, on
// anything in the console, and on whatever the page's policy stops.
import { mkdirSync, writeFileSync } from 'node:fs';
import { SCREENS, barriers, launch } from './chromium.mjs';
import { PAGES, open, settled } from './pages.mjs';
import { packed } from './png.mjs';
import { serve } from './serve.mjs';

const NOW = new Date('2026-11-21T06:42:00Z');
const MINOR = ['desktop-light', 'phone-dark'];
const WORKERS = 2;

const [out = 'shots', ...asked] = process.argv.slice(2);
const only = process.env.SCREENS?.split(',');
const pages = asked.length === 0 ? PAGES : asked.flatMap(named);
mkdirSync(out, { recursive: true });
const server = await serve('dist-fixtures');
const browser = await launch();
let wrong = 0;

function named(name) {
  const known = PAGES.filter((page) => page.name.startsWith(name));
  if (known.length > 0) return known;
  return [
    { name: name.replace(/[^a-z0-9]+/gi, '-').replace(/-$/, ''), at: name, does: [], main: true },
  ];
}

function screensOf(page) {
  return SCREENS.filter(({ name }) => {
    if (only && !only.includes(name)) return false;
    return (page.main || MINOR.includes(name)) && name.startsWith(page.on ?? '');
  });
}

async function draw(page, screen) {
  const { name: size, ...options } = screen;
  const context = await browser.newContext({
    ...options,
    timezoneId: 'Europe/Berlin',
    locale: 'en-GB',
  });
  await context.clock.setFixedTime(NOW);
  const tab = await context.newPage();
  const complain = (text) => {
    wrong += 1;
    console.error(`${page.name} ${size}: ${text}`);
  };
  tab.setDefaultTimeout(30_000);
  tab.on('console', (said) => {
    if (['error', 'warning'].includes(said.type())) complain(said.text());
  });
  tab.on('pageerror', (error) => complain(error.message));
  try {
    await open(tab, server.url, page);
  } catch (error) {
    complain(error.message.split('\n')[0]);
  }
  await tab.mouse.move(0, 0);
  await settled(tab);
  const picture = await tab.screenshot({
    fullPage: process.env.FULL === '1',
    animations: 'disabled',
  });
  writeFileSync(`${out}/${page.name}-${size}.png`, packed(picture));
  for (const barrier of await barriers(tab)) complain(barrier);
  const wider = await tab.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  if (wider > 0) complain(`is ${wider} px wider than the window`);
  await context.close();
}

const todo = pages.flatMap((page) => screensOf(page).map((screen) => [page, screen]));
const many = todo.length;
async function work() {
  for (let next = todo.shift(); next; next = todo.shift()) await draw(...next);
}
await Promise.all(Array.from({ length: WORKERS }, work));
await browser.close();
await server.stop();
console.log(`${pages.length} pages, ${many} pictures in ${out}, ${wrong} complaints`);
process.exit(wrong > 0 ? 1 : 0);
