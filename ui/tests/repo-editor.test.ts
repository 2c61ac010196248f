// The form of a repo: its upkeep as texts, and variables pasted as lines.
import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { AddRepoRequestSchema } from '$/gen/holdfast/api/v1/api_pb';
import { pasted, withPasted } from '$/pages/repo-editor/env';
import { changed, fieldOf, fieldsOf } from '$/pages/repo-editor/form';
import { unreadable, upkeepRequest } from '$/pages/repo-editor/upkeep';

const written = (upkeep: object) => fieldsOf(create(AddRepoRequestSchema, { upkeep }));
const empty = fieldsOf(undefined);

describe('upkeep', () => {
  const request = (base: typeof empty, typed: Partial<typeof empty>) => {
    const now = { ...base, ...typed };
    return upkeepRequest(changed(base, now), now);
  };

  test('is shown as it is written in the file', () => {
    const fields = written({ lockAlarmS: 43_200n, retryAttempts: 2, retryWaitS: 1800n });
    expect(fields).toMatchObject({ lockAlarm: '12h', retryAttempts: '2', retryWait: '30m' });
    expect(fields).toMatchObject({ lockWait: '', parallel: '' });
    expect(written({ lockWaitS: 0n }).lockWait).toBe('0s');
  });

  test('is sent where it differs', () => {
    expect(request(empty, {})).toEqual({});
    expect(request(empty, { lockAlarm: '12h', lockWait: '0s' })).toEqual({
      lockAlarmS: 43_200n,
      lockWaitS: 0n,
    });
  });

  test('emptied, it is as by default', () => {
    const base = written({ lockWaitS: 9n, lockAlarmS: 43_200n, retryAttempts: 2, retryWaitS: 9n });
    expect(request(base, { lockWait: '', lockAlarm: '' })).toEqual({
      lockWaitS: 3600n,
      lockAlarmS: 0n,
    });
    const none = request(base, { retryAttempts: '', retryWait: '' });
    expect(none).toEqual({ retryAttempts: 0, retryWaitS: undefined });
  });

  test('of attempts and wait both are sent: the default of one is not that of the other', () => {
    const base = written({ retryAttempts: 5, retryWaitS: 9n });
    expect(request(base, { retryAttempts: '' })).toEqual({ retryAttempts: 0, retryWaitS: 9n });
    expect(request(base, { retryWait: '' })).toEqual({ retryAttempts: 5, retryWaitS: 300n });
  });

  test('what no request could carry is told at its field', () => {
    const wrong = unreadable({ ...empty, parallel: 'two', lockAlarm: '6', retryWait: '5m' });
    expect(wrong.map(({ field }) => fieldOf(field))).toEqual(['parallel', 'lockAlarm']);
    expect(fieldOf('retry-attempts')).toBe('retryAttempts');
  });
});

describe('pasted variables', () => {
  test('are read as a shell or an env file has them', () => {
    const text = [
      '# the storage',
      'AWS_ACCESS_KEY_ID=AKIA1',
      '',
      'export AWS_SECRET_ACCESS_KEY="a b\\"c=d"  # mine',
      "B2_ACCOUNT_KEY='x#y'\r",
      'EMPTY=',
      'PLAIN=one # two',
    ].join('\n');
    expect(pasted(text)).toEqual({
      variables: [
        { name: 'AWS_ACCESS_KEY_ID', value: 'AKIA1' },
        { name: 'AWS_SECRET_ACCESS_KEY', value: 'a b"c=d' },
        { name: 'B2_ACCOUNT_KEY', value: 'x#y' },
        { name: 'EMPTY', value: '' },
        { name: 'PLAIN', value: 'one' },
      ],
      unread: 0,
    });
  });

  test('what is none is counted, and a name alone is not taken', () => {
    expect(pasted('AWS_ACCESS_KEY_ID')).toEqual({ variables: [], unread: 1 });
    expect(pasted('A=1\nnothing\nA=2')).toEqual({
      variables: [{ name: 'A', value: '2' }],
      unread: 1,
    });
  });

  test('take the place of the row that was pasted into, and fill rows that are there', () => {
    const rows = [
      { name: 'A', value: 'old' },
      { name: '', value: '' },
      { name: 'C', value: 'kept' },
    ];
    const now = withPasted(rows, 1, [
      { name: 'A', value: 'new' },
      { name: 'B', value: 'b' },
    ]);
    expect(now).toEqual([
      { name: 'A', value: 'new' },
      { name: 'B', value: 'b' },
      { name: 'C', value: 'kept' },
    ]);
  });
});
