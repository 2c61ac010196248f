// A tab with an empty cache, that marks in the trace when what was waited for is in the page.
import { takeFiles } from '../browser/visit.mjs';
import { SCREENS } from '../scripts/chromium.mjs';

const { name: _, ...SCREEN } = SCREENS[0];

/** Runs in the page, before anything of it. */
function watcher() {
  const there = (selectors) => selectors.every((each) => document.querySelector(each));
  window.bench = {
    // Marks once all of them are there, after that which was there before is gone.
    expect(name, selectors) {
      const look = new MutationObserver(() => {
        if (!there(selectors)) return;
        look.disconnect();
        performance.mark(`bench:${name}`);
      });
      look.observe(document, { childList: true, subtree: true, characterData: true });
    },
    mark: (name) => performance.mark(`bench:${name}`),
  };
}

/** `served`: with nothing but what the daemon itself serves, even where UI_FROM is set. */
export async function openTab(browser, daemon, expected, { served = false } = {}) {
  const context = await browser.newContext({ ...SCREEN, locale: 'en-GB', timezoneId: 'UTC' });
  if (!served) await takeFiles(context, daemon);
  await context.addInitScript(watcher);
  if (expected)
    await context.addInitScript((selectors) => window.bench.expect('there', selectors), expected);
  const tab = await context.newPage();
  return { context, tab };
}

export const mark = (tab, name) => tab.evaluate((given) => window.bench.mark(given), name);

export const expect = (tab, name, selectors) =>
  tab.evaluate(([given, wanted]) => window.bench.expect(given, wanted), [name, selectors]);

/** Until the mark is set, and the frame that shows it is drawn. */
export async function marked(tab, name, within = 60_000) {
  const isThere = (given) => performance.getEntriesByName(`bench:${given}`).length > 0;
  await tab.waitForFunction(isThere, name, { timeout: within });
  await tab.evaluate(async () => {
    const frame = () => new Promise((then) => requestAnimationFrame(then));
    // One in which it is drawn, and two in which the other threads come after.
    for (let i = 0; i < 3; i += 1) await frame();
  });
}
