// Where the password of a repo comes from, and what may be chosen instead.
import { beforeEach, expect, test, vi } from 'vitest';
import { useTransport } from '$/api/transport';
import { fixtureTransport } from '$/fixtures';
import { Editing } from '$/pages/repo-editor/editing.svelte';
import { editRequest } from '$/pages/repo-editor/form';
import SecretFields from '$/pages/repo-editor/SecretFields.svelte';
import { mounted, reads } from './mounted';

beforeEach(() => useTransport(fixtureTransport('home')));

const offered = (page: HTMLElement) =>
  [...(page.querySelector('select')?.options ?? [])].map(({ value }) => value);
const shown = (id?: string) => mounted('home', SecretFields, { editing: new Editing(id) });

test('a command is never offered: over HTTP it is refused', async () => {
  expect(offered(await shown())).toEqual(['password', 'file']);
});

test('a command that is stored is shown, kept, and can be changed to something else', async () => {
  const editing = new Editing('private');
  const page = await mounted('home', SecretFields, { editing });
  await reads(page, 'what this command prints: pass show restic/private');
  expect(offered(page)).toEqual(['keep', 'password', 'file']);
  expect(editing.secrets.source).toBe('keep');
  expect(editRequest(editing.draft, 'r1').password).toBeUndefined();

  editing.secrets.source = 'file';
  await vi.waitFor(() => expect(page.querySelector('#password')).not.toBeNull());
  editing.secrets.secret = '/etc/holdfast/private.pass';
  expect(editRequest(editing.draft, 'r1').password).toEqual({ file: '/etc/holdfast/private.pass' });
});

test('a file that is stored is named; what was typed is not', async () => {
  await reads(await shown('usb'), 'what is in this file: /etc/holdfast/usb.pass');
  await reads(await shown('vault'), 'stored, and never shown');
});
