// Shared repos as pairs: who sends, who takes, and where one half is missing.
import { create } from '@bufbuild/protobuf';
import { beforeEach, expect, test } from 'vitest';
import { pairs } from '$/components/pairs';
import { PeerSchema, RepoSchema } from '$/gen/holdfast/api/v1/api_pb';
import Grants from '$/pages/machine/Grants.svelte';
import { drawn, lookingAs, textOf } from './mounted';

beforeEach(() => lookingAs('home'));

const vault = { permission: 'receive-shared-repos', scopes: ['repo:vault'] };
const sends = { permission: 'send-shared-repos', scopes: [] };
const repos = [
  create(RepoSchema, { id: 'vault', shared: true }),
  create(RepoSchema, { id: 'private' }),
];
const peer = (fields: object) => create(PeerSchema, { instance: 'web-2', keyId: 'k', ...fields });

test('what is sent is not said to be taken where the other side does not', () => {
  const [there] = pairs(peer({ grants: [vault] }), repos, 'web-2', 'nas');
  expect(there).toMatchObject({ what: 'repo vault', taken: false });
  const both = peer({ grants: [vault], grantsReceived: [sends] });
  expect(pairs(both, repos, 'web-2', 'nas')[0]).toMatchObject({ taken: true });
});

test('what is named and not shared is not sent', () => {
  const grants = [{ ...vault, scopes: ['repo:private'] }];
  expect(pairs(peer({ grants }), repos, 'web-2', 'nas')[0].what).toBeUndefined();
});

test('the page of a machine tells one half alone', () => {
  const page = (fields: object) =>
    textOf(drawn(Grants, { name: 'web-2', here: 'nas', repos, peer: peer(fields) }));
  expect(page({ grants: [vault] })).toContain('nas sends repo vault. Sent, not accepted there.');
  expect(page({ grants: [sends], grantsReceived: [vault] })).toContain(
    'web-2 sends repo vault, nas takes repos from web-2',
  );
  expect(page({})).not.toContain('Shared between them');
});
