// Where the other machine is looked for: what is typed, and what the link says.
import { flushSync } from 'svelte';
import { expect, test, vi } from 'vitest';
import Paste from '$/pages/join/Paste.svelte';
import { button, field, mounted, reads, type } from './mounted';

const TOKEN = `ed25519.nas${'x'.repeat(40)}:${'0123456789abcdef'.repeat(4)}#nas`;

async function pasting(text: string, urls: string) {
  const ontest = vi.fn();
  const props = { busy: false, offer: undefined, way: undefined, failure: undefined };
  const page = await mounted('home', Paste, { ...props, ontest, onback: () => {} });
  type(field(page, 'Token, link or join line'), text);
  type(field(page, 'URL of the other machine'), urls);
  flushSync();
  button(page, 'Test the connection').click();
  flushSync();
  return { page, ontest };
}

test('what is typed is tried first, and what the link says besides', async () => {
  const typed = 'http://192.0.2.7:9898\n\nhttps://nas.lan\nhttps://hub.example';
  const { page, ontest } = await pasting(`holdfast://hub.example#${TOKEN}`, typed);
  expect(ontest).toHaveBeenCalledWith(TOKEN, [
    'http://192.0.2.7:9898',
    'https://nas.lan',
    'https://hub.example',
  ]);
  await reads(page, 'Needed only where https://hub.example does not lead there.');
});

test('the link alone will do', async () => {
  const { ontest } = await pasting(`holdfast://hub.example#${TOKEN}`, '');
  expect(ontest).toHaveBeenCalledWith(TOKEN, ['https://hub.example']);
});

test('a line that is no address is named, and nothing is asked', async () => {
  const { page, ontest } = await pasting(TOKEN, 'https://nas.lan\nnas.lan:9898');
  await reads(page, 'nas.lan:9898 is no URL');
  expect(ontest).not.toHaveBeenCalled();
});

test('a bare token needs to be told where', async () => {
  const { page, ontest } = await pasting(TOKEN, ' \n');
  await reads(page, 'The token says no URL');
  expect(ontest).not.toHaveBeenCalled();
});
