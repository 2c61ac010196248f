// Whether everybody reaches everything: every page of scripts/pages.mjs is opened once, and then
//   narrow     320 px, a phone held sideways, half the window (200 % zoom) and 4K: nothing is cut off
//   forced     with forced colours every mark is still seen, and what is chosen differs from the rest
//   still      with reduced motion nothing moves
//   modes      every page in every made-up home is drawn without a failure
//   keyboard   Tab reaches every control, in their order, and one sees where one is; Escape closes
//              dialogs and menus, and the focus is back where it was
// axe looks at the same pages when they are drawn (scripts/shots.mjs).
//
//   npm run build:fixtures && npm run reach [NAME … | modes]
import { availableParallelism } from 'node:os';
import { SCREENS, launch } from './chromium.mjs';
import { PAGES, open } from './pages.mjs';
import { serve } from './serve.mjs';
import { closes } from './reach/closing.mjs';
import { vanished } from './reach/forced.mjs';
import { unreachable } from './reach/keyboard.mjs';
import { cutOff } from './reach/narrow.mjs';
import { MODES, failing } from './reach/modes.mjs';
import { moving } from './reach/still.mjs';

/** Most of the time a page waits for what it draws. */
const WORKERS = 3 * availableParallelism();
const DESKTOP = SCREENS[0].viewport;
const asked = process.argv.slice(2);
const pages = PAGES.filter(
  ({ name, on }) =>
    on !== 'phone' && (asked.length === 0 || asked.some((start) => name.startsWith(start))),
);
const server = await serve('dist-fixtures');
const browser = await launch();
let wrong = 0;

/** What a busy machine drew too late is well when it is looked at again. */
async function look(page, wrong = wrongOn) {
  const found = await wrong(page);
  const stands = found.length > 0 ? await wrong(page) : [];
  for (const one of stands) complain(page, one);
}

async function wrongOn(page) {
  try {
    const found = await opened(page, closes);
    // What was closed, and what was typed before, is not there any more for the rest.
    const rest = async (tab) => [
      ...(await cutOff(tab, DESKTOP)),
      ...(await vanished(tab)),
      ...(await moving(tab)),
      ...(await unreachable(tab)),
    ];
    return [...found, ...(await opened(page, rest))];
  } catch (error) {
    return [error.message.split('\n')[0]];
  }
}

/** What `examines` finds on a page as one sees it who comes for the first time. */
async function opened(page, examines) {
  const context = await browser.newContext({ viewport: DESKTOP, locale: 'en-GB' });
  try {
    const tab = await context.newPage();
    tab.setDefaultTimeout(30_000);
    const isPressed = await open(tab, server.url, page);
    return await examines(tab, isPressed);
  } finally {
    await context.close();
  }
}

async function wrongIn({ mode }) {
  const context = await browser.newContext({ viewport: DESKTOP, locale: 'en-GB' });
  try {
    return await failing(await context.newPage(), server.url, mode);
  } catch (error) {
    return [`${mode}: ${error.message.split('\n')[0]}`];
  } finally {
    await context.close();
  }
}

function complain(page, text) {
  wrong += 1;
  console.error(`${page.name}: ${text}`);
}

const isModes = asked.length === 0 || asked.includes('modes');
const todo = [
  ...(isModes ? MODES.map((mode) => () => look({ name: 'modes', mode }, wrongIn)) : []),
  ...pages.map((page) => () => look(page)),
];
async function work() {
  for (let next = todo.shift(); next; next = todo.shift()) await next();
}
await Promise.all(Array.from({ length: WORKERS }, work));
await browser.close();
await server.stop();
console.log(`${pages.length} pages, ${wrong} complaints`);
process.exit(wrong > 0 ? 1 : 0);
