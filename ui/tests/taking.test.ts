// A repo of a peer that is taken again: where that is offered, and what is told of it.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { daemon, useTransport } from '$/api/transport';
import { toasts } from '$/components/toasts.svelte';
import { fixtureTransport } from '$/fixtures';
import { limited } from '$/fixtures/few';
import { NOW } from '$/fixtures/home';
import { fixOf } from '$/pages/fleet/fixes';
import { rows } from '$/pages/fleet/rows';
import { offeredIn, takingBack } from '$/pages/fleet/taking';

beforeEach(() => useTransport(fixtureTransport('home')));
afterEach(() => useTransport(daemon));

const missed = () => rows(limited(NOW), NOW).find(({ plan }) => plan.disabledReason);

describe('is offered', () => {
  test('where the daemon names the line for it', () => {
    expect(offeredIn('To take it again: `holdfast repo add vault --from nas`')).toEqual({
      repo: 'vault',
      peer: 'nas',
    });
    expect(offeredIn('Ask there to share it again')).toBeUndefined();
    expect(offeredIn(undefined)).toBeUndefined();
  });

  test('to an admin, for a plan of this machine', () => {
    const row = missed();
    expect(row && fixOf([row])).toMatchObject({
      role: 'admin',
      word: 'Take depot of pi',
      offered: { repo: 'depot', peer: 'pi' },
    });
  });

  test('not for the plan of a peer, whose reason means the peer', () => {
    const row = missed();
    const there = row && { ...row, machine: { ...row.machine, here: false } };
    expect(there && fixOf([there])).toBeUndefined();
  });
});

describe('the undo of a removal', () => {
  const undone = async (mode: string) => {
    useTransport(fixtureTransport(mode));
    await takingBack({ repo: 'vault', peer: 'web-2' })?.run();
    return toasts.shown.at(-1)?.text;
  };

  test('says that it is taken again', async () => {
    expect(await undone('home')).toBe('vault is taken again.');
  });

  test('fails where it is not, so that its message says why', async () => {
    await expect(undone('broken')).rejects.toThrow(/the store .* does not answer/);
  });
});
