// The tree of folders: what only may be looked at is not ticked.
import { beforeEach, expect, test, vi } from 'vitest';
import PathTree from '$/components/PathTree.svelte';
import { drawn, lookingAs, settled } from './mounted';

beforeEach(() => lookingAs('home'));

async function tree(disabled: boolean) {
  const onchange = vi.fn();
  const props = { paths: ['/srv/photos'], label: 'Folders', onchange, disabled };
  const page = drawn(PathTree, props);
  await settled();
  const row = page.querySelector<HTMLElement>('[data-path="/srv/documents"]')!;
  return { row, onchange };
}

const space = () => new KeyboardEvent('keydown', { key: ' ', bubbles: true, cancelable: true });

test('a tick is set by pointer and by Space', async () => {
  const { row, onchange } = await tree(false);
  row.querySelector<HTMLElement>('.tick')!.click();
  row.dispatchEvent(space());
  expect(onchange).toHaveBeenCalledTimes(2);
  expect(row.getAttribute('aria-disabled')).toBeNull();
});

test('read-only, folders open and nothing is ticked', async () => {
  const { row, onchange } = await tree(true);
  row.querySelector<HTMLElement>('.tick')!.click();
  row.dispatchEvent(space());
  expect(onchange).not.toHaveBeenCalled();
  expect(row.getAttribute('aria-disabled')).toBe('true');
  row.querySelector<HTMLElement>('.tn')!.click();
  await settled();
  expect(row.getAttribute('aria-expanded')).toBe('true');
});
