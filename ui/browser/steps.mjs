// Steps that several stories take: looking at a page as it is, and files that are worth a backup.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { barriers } from './visit.mjs';

/** Nothing on the page as it is now stands in anybody's way. */
export async function clear(tab, what) {
  assert.deepEqual(await barriers(tab), [], what);
}

export const heading = (tab, text) => tab.waitForSelector(`h1:has-text("${text}")`);

export const MIB = 1 << 20;
export const noise = (mebibytes) => randomBytes(mebibytes * MIB);

/** A menu behind three dots: opened, looked at, and one of its entries chosen. */
export async function choose(tab, entry, menu = 'More actions') {
  await tab.getByRole('main').getByRole('button', { name: menu, exact: true }).click();
  await tab.getByRole('menu').waitFor();
  await clear(tab, `menu with ${entry}`);
  await tab.getByRole('menuitem', { name: entry }).click();
}

/** The toast that says so; with `action`, its button is pressed. */
export async function told(tab, text, action) {
  const toast = tab.locator('.toast', { hasText: text });
  await toast.waitFor();
  if (action) await toast.getByRole('button', { name: action }).click();
}
