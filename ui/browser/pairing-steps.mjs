// What stories of paired machines do: tokens made and pasted, permissions ticked, both ends watched.
import assert from 'node:assert/strict';
import { clear, heading } from './steps.mjs';

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

/** What is on the clipboard after a copy button was pressed. */
export async function copied(tab, button) {
  await tab.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await button.click();
  await tab.getByRole('status').filter({ hasText: 'Copied' }).first().waitFor();
  return tab.evaluate(() => navigator.clipboard.readText());
}

/** Pastes into the wizard and asks the other machine. */
export async function paste(tab, text) {
  await tab.getByLabel('Token, link or join line').fill(text);
  await tab.getByRole('button', { name: 'Test the connection' }).click();
}

/** As far as the consent of the wizard, from a fresh page. */
export async function toConsent(here, text, listener) {
  await here.open('/peers/join');
  await paste(here.tab, text);
  await heading(here.tab, `Join ${listener}`);
  await clear(here.tab, 'consent');
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
