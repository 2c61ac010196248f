// What came of looking through what is held of a peer.
import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { VerificationSchema } from '$/gen/holdfast/api/v1/api_pb';
import Verified from '$/pages/peers/Verified.svelte';
import { mounted, reads } from './mounted';

test('the numbers behind the sentence are told', async () => {
  const verified = create(VerificationSchema, {
    ok: false,
    shards: 1n,
    entries: 4812n,
    damaged: 5n,
    repaired: 3n,
    message: '2 of 5 damaged entries of cabin could not be repaired',
  });
  const page = await mounted('home', Verified, { verified });
  await reads(page, /could not be repaired\. Looked at 4.812 entries · 1 plan and repo/);
  await reads(page, 'Damaged 5 Repaired 3');
  expect(page.querySelector('.t-warn')).not.toBeNull();
});
