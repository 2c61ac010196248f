// The config file as Settings show it, and where they are led to from elsewhere.
import { create } from '@bufbuild/protobuf';
import { createRouterTransport } from '@connectrpc/connect';
import { expect, test, vi } from 'vitest';
import { useTransport } from '$/api/transport';
import { AttentionSchema, ConfigSchema, ConfigService } from '$/gen/holdfast/api/v1/api_pb';
import { EventSchema, FleetService } from '$/gen/holdfast/api/v1/fleet_pb';
import { live } from '$/live';
import NeedAttention from '$/pages/fleet/NeedAttention.svelte';
import ConfigFile from '$/pages/settings/ConfigFile.svelte';
import { mounted, reads } from './mounted';

test('a good file is what runs', async () => {
  const page = await mounted('home', ConfigFile, {});
  await reads(page, 'What runs is what this file says.');
  expect(page.querySelector('pre')?.textContent).toContain('id = "vault"');
  expect(page.textContent).not.toContain('Problems');
});

test('each problem of a wrong file is told with its place and what to do', async () => {
  const page = await mounted('miswritten', ConfigFile, {});
  await reads(page, 'it has 2 problems. What runs is the last good one.');
  const [first] = page.querySelectorAll('.problems li');
  expect(first?.textContent).toContain('line 9, column 1');
  expect(first?.textContent).toContain('did you mean "password-file"?');
  expect(page.querySelector('pre')?.textContent, 'and what runs is there').toContain('vault');
});

test('why it is not shown is said, with Retry', async () => {
  const page = await mounted('broken', ConfigFile, {});
  await reads(page, /The config file .*Retry/);
});

test('it follows the file', async () => {
  let problems: { line: number; column: number; message: string }[] = [];
  let send: () => void = () => {};
  const page = await mounted('home', ConfigFile, {});
  useTransport(
    createRouterTransport(({ service }) => {
      service(ConfigService, {
        show: () => create(ConfigSchema, { path: '/c', text: 'x', problems }),
      });
      service(FleetService, {
        async *watch() {
          yield create(EventSchema, { cursor: '1' });
          await new Promise<void>((told) => (send = told));
          yield create(EventSchema, { cursor: '2', changed: ['config'] });
          await new Promise(() => {});
        },
      });
    }),
  );
  live.start();
  await vi.waitFor(() => expect(live.link.state).toBe('up'));
  problems = [{ line: 0, column: 0, message: 'it cannot be read: no such file' }];
  send();
  await reads(page, 'it has 1 problem.');
  expect(page.querySelector('.problems')?.textContent?.trim()).toBe(
    'It cannot be read: no such file.',
  );
  live.stop();
});

test.each([
  ['hook', 'phone', '/settings/notifications'],
  ['repo', 'vault', '/m/nas/repo/vault'],
  ['peer', 'web-2', '/peers/web-2'],
  ['restic', 'restic', '/settings/instance'],
])('what needs somebody leads to where it is mended: %s', async (kind, subject, href) => {
  const attention = create(AttentionSchema, { kind, subject, message: 'no answer' });
  const page = await mounted('home', NeedAttention, { attention, param: 'nas' });
  expect([...page.querySelectorAll('a')].map((link) => link.getAttribute('href'))).toEqual([
    href,
    href,
  ]);
});
