// What stories of paired machines do: tokens made and pasted, permissions ticked, both ends watched.
import assert from 'node:assert/strict';
import { until } from './daemon.mjs';
import { clear } from './steps.mjs';

/** The part of a page or dialog that is headed so. */
export const part = (within, name) => within.getByRole('region', { name, exact: true });

/** One permission in a list of ticks, by its first words. */
export function permission(within, title) {
  const row = within.locator('.ask', { has: within.page().locator('b', { hasText: title }) });
  const scopes = row.getByRole('group', { name: `${title}: of what` });
  return {
    tick: row.getByRole('checkbox'),
    reach: (mode) => scopes.getByRole('button', { name: mode, exact: true }).click(),
    pick: (thing) => row.getByLabel(`${title}: of what: Add`).selectOption(thing),
    /** What the predicate answers: "laptop will see" → "plan home". */
    says: (term, things) =>
      row.locator('dl.sees > div', { hasText: term }).locator('dd', { hasText: things }).waitFor(),
    text: row.locator('.hint code'),
    row,
  };
}

/** What a copy button puts on the clipboard. */
export async function copied(tab, button) {
  await tab.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await tab.evaluate(() => navigator.clipboard.writeText(''));
  await button.click();
  return until('something is copied', () => tab.evaluate(() => navigator.clipboard.readText()));
}

/** Pastes into the wizard and asks the other machine. */
export async function paste(tab, text) {
  await tab.getByLabel('Token, link or join line').fill(text);
  await tab.getByRole('button', { name: 'Test the connection' }).click();
}

/** The wizard refuses this text, with what happened and what to do. */
export async function refused(tab, text, what, remedy) {
  await paste(tab, text);
  const note = tab.locator('.note.bad[role=alert]', { hasText: what });
  await note.waitFor({ timeout: 30_000 });
  assert.match(await note.innerText(), remedy);
  await clear(tab, `refused: ${what}`);
}

/** A mark that a reload would wipe away. */
export const mark = (tab) => tab.evaluate(() => (window.isSamePage = true));
export const isSamePage = (tab) => tab.evaluate(() => window.isSamePage === true);
