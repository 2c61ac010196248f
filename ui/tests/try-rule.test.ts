// Trying a rule: of which plan, to whom, and what came of it.
import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { home } from '$/fixtures/home';
import { PlanSchema } from '$/gen/holdfast/api/v1/api_pb';
import { HookSchema } from '$/gen/holdfast/api/v1/settings_pb';
import { ownPlans, toldOf } from '$/pages/settings/rules';
import TryRule from '$/pages/settings/TryRule.svelte';
import { button, lastAsked, mounted, reads } from './mounted';

const plans = ['documents', 'photos', 'mail'].map((id) =>
  create(PlanSchema, { id, repo: id === 'mail' ? 'offsite' : 'vault' }),
);

test.each([
  ['', undefined, ['documents', 'photos', 'mail']],
  ['', 'photos', ['photos', 'documents', 'mail']],
  ['repo:offsite', 'photos', ['mail']],
  ['repo:empty', undefined, []],
  ['plan:mail', 'photos', ['mail']],
])('a rule of %j, from %s, is told of %j', (place, from, told) =>
  expect(toldOf(place, plans, from)).toEqual(told),
);

test('only plans of this machine can be tried', () => {
  expect(ownPlans(home()).map(({ id }) => id)).toEqual(['documents', 'paperless', 'photos']);
  expect(ownPlans(undefined)).toEqual([]);
});

async function trying(hook: { on: string[]; channel?: string; action?: string }) {
  const props = { hook: create(HookSchema, hook), plans: ['photos', 'mail'] };
  const page = await mounted('home', TryRule, { ...props, onclose: () => {} });
  button(page, 'Send test').click();
  await reads(page, /Sent|Failed/);
  return page;
}

test('a rule of a channel tells that channel alone', async () => {
  const page = await trying({ on: ['stale', 'late'], channel: 'phone' });
  expect(lastAsked('HookService.test')).toMatchObject({
    channel: 'phone',
    plan: 'photos',
    event: 'stale',
  });
  await reads(page, 'phone Sent.');
});

test('what is written with a rule is tried with everybody who hears of it', async () => {
  const page = await trying({ on: ['backup-failed'], action: 'command' });
  expect(lastAsked('HookService.test')).not.toHaveProperty('channel', expect.anything());
  await reads(page, 'Commands are run as well');
  await reads(page, 'backups Sent.');
  await reads(
    page,
    'command, written with the rule of plan photos Failed: the command ended with 1.',
  );
});
