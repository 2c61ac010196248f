// Escape closes what is open, and the focus goes back to what opened it.
import { settled } from '../pages.mjs';

const OPEN = 'dialog[open], [role=menu]';

/** `pressed`: whether something on the page opened it, and not its address. */
export async function closes(tab, pressed) {
  const open = tab.locator(OPEN).locator('visible=true');
  if ((await open.count()) === 0) return [];
  await tab.keyboard.press('Escape');
  await settled(tab);
  if ((await open.count()) > 0) return ['Escape does not close it'];
  const lost = await tab.evaluate(() => document.activeElement === document.body);
  return pressed && lost ? ['the focus is lost when it is closed'] : [];
}
