// A machine's page: where what is seen there comes from, and what would show more.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { home } from '$/fixtures/home';
import { PeerSchema } from '$/gen/holdfast/api/v1/api_pb';
import Head from '$/pages/machine/Head.svelte';
import { create } from '@bufbuild/protobuf';
import { clear, drawn, lookingAs, textOf } from './drawn';

beforeEach(() => lookingAs('home'));
afterEach(clear);

const web2 = () => home().machines.find(({ instance }) => instance === 'web-2')!;

function via(state: string) {
  const machine = { ...web2(), state };
  const props = { machine, name: 'web-2', param: 'web-2', plans: [], here: 'nas' };
  const peer = create(PeerSchema, { instance: 'web-2', keyId: machine.keyId });
  return drawn(Head, { ...props, peer }).querySelector('.via')!;
}

test.each([
  ['connected', '#i-link', /^web-2 dials nas\. What you see here is what its own log says/],
  ['refused', '#i-refused', /^web-2 is refused\. What you see is as of /],
  ['incompatible', '#i-incompat', /^web-2 is incompatible\. What you see is as of /],
  ['offline', '#i-unseen', /^web-2 is out of sight\. What you see is as of /],
])('of one that is %s, what is seen is told as it is', (state, icon, says) => {
  const line = via(state);
  expect(line.querySelector('use')?.getAttribute('href')).toBe(icon);
  expect(textOf(line)).toMatch(says);
});
