// What this machine is known by.
import { expect, test } from 'vitest';
import Identity from '$/pages/settings/Identity.svelte';
import { button, mounted, reads } from './mounted';

test('the public key and the place of the secret one can be copied', async () => {
  const page = await mounted('viewer', Identity, { keyId: 'ed25519.nas' });
  await reads(page, '7d1c04b9e6f2a358'.repeat(4));
  await reads(page, '/var/lib/holdfast/identity.key');
  for (const name of ['key id', 'public key', 'path of the secret key'])
    expect(button(page, `Copy the ${name}`)).toBeDefined();
});

test('the key id stays where the rest does not come', async () => {
  const page = await mounted('broken', Identity, { keyId: 'ed25519.nas' });
  await reads(page, /ed25519\.nas.*The public key.*Retry/);
});
