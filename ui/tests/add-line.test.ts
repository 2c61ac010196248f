// A plan that saves what a command prints, as the command line for another one like it.
import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { AddPlanRequestSchema } from '$/gen/holdfast/api/v1/api_pb';
import { addLine, quoted } from '$/pages/plan/addLine';

test('has what is set, and the command last', () => {
  const written = create(AddPlanRequestSchema, {
    plan: 'app',
    repo: 'vault',
    schedule: 'cron: 30 2 * * *',
    timeZone: 'Europe/Berlin',
    jitterS: 1200n,
    retention: 'last=3,daily=30',
    onlyWhen: { acPower: true, window: '22:00-06:00', forceAfterS: 259_200n },
    retry: { attempts: 4, waitS: 600n },
    stdinName: 'app.dump',
  });
  expect(addLine(written, ['pg_dump', '--format=custom', 'my app'], 'app-2')).toBe(
    "holdfast plan add app-2 --repo vault --schedule 'cron: 30 2 * * *' --time-zone Europe/Berlin" +
      ' --jitter 20m --retention last=3,daily=30' +
      ' --only-when ac-power,window=22:00-06:00,force-after=3d --retry 4,10m' +
      " --stdin-name app.dump --stdin-command pg_dump --format=custom 'my app'",
  );
  const bare = create(AddPlanRequestSchema, { repo: 'vault', schedule: 'manual' });
  expect(addLine(bare, ['dump'], 'x')).toBe(
    'holdfast plan add x --repo vault --schedule manual --stdin-command dump',
  );
});

test('words are quoted for a shell', () => {
  expect(quoted('a-b=c')).toBe('a-b=c');
  expect(quoted('')).toBe("''");
  expect(quoted("it's $HOME")).toBe(`'it'\\''s $HOME'`);
});
