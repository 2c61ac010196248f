// A machine's page: where what is seen there comes from, and what would show more.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { home } from '$/fixtures/home';
import { PeerSchema } from '$/gen/holdfast/api/v1/api_pb';
import { grantLine } from '$/components/grants';
import { clock } from '$/live';
import { rows } from '$/pages/fleet/rows';
import Head from '$/pages/machine/Head.svelte';
import PlansTable from '$/pages/machine/PlansTable.svelte';
import { create } from '@bufbuild/protobuf';
import { clear, drawn, lookingAs, settled, textOf } from './mounted';

beforeEach(() => lookingAs('home'));
afterEach(() => {
  vi.unstubAllGlobals();
});

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

const sees = { permission: 'read-operations', scopes: ['*'] };

test('the line that grants more takes exceptions back first', () => {
  expect(grantLine('nas', { permission: 'read-operations' })).toBe(
    "holdfast peer grant nas 'read-operations=*'",
  );
  const anew =
    "holdfast peer revoke nas read-operations && holdfast peer grant nas 'read-operations=*'";
  for (const received of [
    { ...sees, withExceptions: true },
    { ...sees, scopes: ['*', '!plan:a'] },
  ])
    expect(grantLine('nas', { permission: 'read-operations' }, [received])).toBe(anew);
});

/** What the buttons below its plans copy. */
async function lines(received: object[], shown: boolean): Promise<string[]> {
  const copied: string[] = [];
  const writeText = async (text: string) => void copied.push(text);
  vi.stubGlobal('navigator', { clipboard: { writeText } });
  const machine = { ...web2(), mayRun: false };
  const peer = create(PeerSchema, { keyId: machine.keyId, grantsReceived: received });
  const all = rows(home(), clock.now).filter((row) => row.fleet.keyId === machine.keyId);
  const props = { machine, name: 'web-2', param: 'web-2', here: 'nas', peer };
  const page = drawn(PlansTable, { ...props, plans: shown ? all : [] });
  for (const button of page.querySelectorAll('button')) {
    expect(textOf(button)).toBe('Copy the line for web-2');
    button.click();
  }
  await settled();
  return copied;
}

test('what a peer keeps to itself has the line that would grant it', async () => {
  expect(await lines([{ ...sees, withExceptions: true }], true)).toEqual([
    "holdfast peer revoke nas read-operations && holdfast peer grant nas 'read-operations=*'",
    "holdfast peer grant nas 'run-operations=*'",
  ]);
  await clear();
  expect(await lines([], false)).toEqual(["holdfast peer grant nas 'read-operations=*'"]);
  await clear();
  expect(await lines([sees], false)).toEqual([]);
});
