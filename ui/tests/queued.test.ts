// What waits for peers: of one, and of all.
import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { keyOf } from '$/fixtures/home';
import { PeerSchema } from '$/gen/holdfast/api/v1/api_pb';
import Queued from '$/pages/peers/Queued.svelte';
import { button, lastAsked, mounted, reads } from './mounted';

const all = [create(PeerSchema, { instance: 'cabin', keyId: keyOf('cabin'), label: 'hut' })];

test('of all peers, each row says whose it is and leads there', async () => {
  const page = await mounted('home', Queued, { all });
  await reads(page, 'Waiting for peers');
  const [first, second, third] = [...page.querySelectorAll('li')];
  expect(first?.textContent).toContain('Backup of cameras');
  expect(first?.textContent).toContain('sent once hut is back, until');
  expect(first?.querySelector('a')?.getAttribute('href')).toBe('/peers/cabin');
  expect(second?.textContent).toContain('hut did not do it: there is no such thing there');
  expect(third?.textContent, 'who is no peer any more has its own name').toContain('on desktop');
  expect(third?.querySelector('button')).toBeNull();

  button(page, 'Withdraw: Backup of cameras on hut').click();
  await reads(page, /^Waiting for peers(?!.*cameras)/);
  expect(lastAsked('CommandService.withdraw')).toMatchObject({ id: '4f'.repeat(16) });
});

test('of one peer, nobody is named again', async () => {
  const page = await mounted('home', Queued, { keyId: keyOf('cabin'), name: 'hut' });
  await reads(page, 'Waiting for hut');
  expect(page.querySelectorAll('li')).toHaveLength(2);
  expect(page.querySelector('a')).toBeNull();
});

test('nothing waits: nothing is drawn', async () => {
  const page = await mounted('alone', Queued, {});
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(page.querySelector('section')).toBeNull();
});

test('what could not be read is said', async () => {
  const page = await mounted('broken', Queued, { all });
  await reads(page, 'What waits for peers could not be read.');
});
