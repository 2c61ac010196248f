// Draws pages in a real browser, as a person would see them, and checks them with axe.
//
//   npm run build:fixtures && node scripts/shots.mjs [OUT [FIXTURE:/path …]]
//
// Every page is drawn wide and on a phone, light and dark. Fails on what axe finds, on anything in
// the console, and on whatever the page's policy stops.
import { mkdirSync } from 'node:fs';
import { SCREENS, barriers, launch } from './chromium.mjs';
import { serve } from './serve.mjs';

const [out = 'shots', ...asked] = process.argv.slice(2);
const pages =
  asked.length > 0 ? asked : ['home:/', 'large:/', 'empty:/', 'alone:/', 'limited:/', 'gone:/'];

const only = process.env.SCREENS?.split(',');
mkdirSync(out, { recursive: true });
const server = await serve('dist-fixtures');
const browser = await launch();
let wrong = 0;

async function draw(page, screen) {
  const [fixture, path] = page.split(/:(.*)/s);
  const context = await browser.newContext({
    ...screen,
    timezoneId: 'Europe/Berlin',
    locale: 'en-GB',
  });
  const tab = await context.newPage();
  tab.on(
    'console',
    (said) => ['error', 'warning'].includes(said.type()) && complain(page, screen, said.text()),
  );
  tab.on('pageerror', (error) => complain(page, screen, error.message));
  const mark = path.includes('?') ? '&' : '?';
  await tab.goto(`${server.url}${path}${mark}fixture=${fixture}`);
  await tab.waitForSelector('h1');
  await tab.waitForTimeout(fixture === 'gone' ? 6000 : 400);
  const name = `${fixture}${path.replace(/[^a-z0-9]+/gi, '-').replace(/-$/, '')}-${screen.name}`;
  await tab.screenshot({ path: `${out}/${name}.png`, fullPage: process.env.FULL === '1' });
  for (const barrier of await barriers(tab)) complain(page, screen, barrier);
  const wider = await tab.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  if (wider > 0) complain(page, screen, `is ${wider} px wider than the window`);
  await context.close();
}

function complain(page, screen, text) {
  wrong += 1;
  console.error(`${page} ${screen.name}: ${text}`);
}

const screens = SCREENS.filter(({ name }) => !only || only.includes(name));
for (const page of pages) for (const screen of screens) await draw(page, screen);
await browser.close();
await server.stop();
console.log(`${pages.length} pages drawn ${screens.length} times into ${out}, ${wrong} complaints`);
process.exit(wrong > 0 ? 1 : 0);
