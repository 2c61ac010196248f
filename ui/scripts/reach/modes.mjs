// Every page in every made-up home: nothing fails, except where that is what the home is for.
import { PAGES, settled } from '../pages.mjs';

/** An editor of what a home does not have says so, as does a repo that its password does not open. */
const MEANT = ['is not there', 'the password does not open'];
const FAILING = ['slow', 'partial', 'broken'];
const paths = [...new Set(PAGES.map(({ at }) => at.replace(/^\w+:/, '').split('?')[0]))];
export const MODES = [...new Set(PAGES.map(({ at }) => at.split(':')[0]))].filter(
  (mode) => !FAILING.includes(mode),
);

export async function failing(tab, url, mode) {
  const found = [];
  let at = '/';
  tab.on('console', (said) => {
    if (['error', 'warning'].includes(said.type())) found.push(`${at}: ${said.text()}`);
  });
  tab.on('pageerror', (error) => found.push(`${at}: ${error.message}`));
  await tab.goto(`${url}/?fixture=${mode}`);
  await tab.waitForSelector('h1');
  for (const path of paths) {
    at = path;
    await tab.evaluate((next) => {
      history.pushState(null, '', next);
      dispatchEvent(new PopStateEvent('popstate'));
    }, path);
    await settled(tab);
    const told = await tab.locator('.errbox').allInnerTexts();
    const wrong = told.filter((text) => !MEANT.some((words) => text.includes(words)));
    found.push(...wrong.map((text) => `${path}: ${text.replace(/\s+/g, ' ')}`));
    if ((await tab.locator('h1').count()) !== 1) found.push(`${path}: has not one heading`);
  }
  return found.map((one) => `${mode}: ${one}`);
}
