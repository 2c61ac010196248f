// The frame: what its menu leads to.
import { afterEach, beforeEach, expect, test } from 'vitest';
import InstanceMenu from '$/app/InstanceMenu.svelte';
import { keyList } from '$/app/keyList.svelte';
import Shortcuts from '$/app/Shortcuts.svelte';
import { preferences } from '$/app/theme.svelte';
import { drawn, lookingAs, settled, textOf } from './mounted';

beforeEach(() => lookingAs('home'));
afterEach(() => {
  preferences.singleKeys = true;
  keyList.close();
});

test('the list of keys opens from the menu, also where single keys are off', async () => {
  preferences.singleKeys = false;
  const page = drawn(InstanceMenu, {});
  page.querySelector('button')!.click();
  await settled();
  const items = [...page.querySelectorAll<HTMLElement>('[role^=menuitem]')];
  items.find((item) => textOf(item) === 'Keyboard shortcuts')!.click();
  await settled();
  expect(keyList.open).toBe(true);
  const dialog = drawn(Shortcuts, { onclose: keyList.close }).querySelector('dialog')!;
  expect(textOf(dialog)).toContain('Find or do');
  expect(textOf(dialog)).toContain('Single keys are off');
});
