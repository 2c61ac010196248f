import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { RepoSchema } from '$/gen/holdfast/api/v1/api_pb';
import { isReadable, rivalOf, sameness } from '$/pages/repo/rivals';

const repo = (id: string, guid?: string, origin?: string, state = 'ready') =>
  create(RepoSchema, { id, guid, origin, state });

test('the other side of a conflict has its name or its guid, and its place first', () => {
  const own = repo('vault', 'aa');
  const copy = repo('archive', 'aa', 'web', 'conflict');
  const twin = repo('vault', 'bb', 'pi', 'conflict');
  const unknown = repo('usb');
  const gone = repo('vault', 'cc', 'old', 'disabled');
  const all = [unknown, gone, copy, twin, own];
  expect(rivalOf(copy, all)).toBe(own);
  expect(rivalOf(twin, all)).toBe(own);
  expect(rivalOf(own, all)).toBe(twin);
  expect(rivalOf(own, [own, copy])).toBeUndefined();
  expect(all.filter(isReadable)).toEqual([unknown, own]);
  expect(rivalOf(unknown, all)).toBeUndefined();
  expect(rivalOf(repo('tape', undefined, 'pi', 'conflict'), all)).toBeUndefined();
});

test('two repos are one repository where both guids are known and equal', () => {
  expect(sameness(repo('vault', 'aa'), repo('archive', 'aa', 'web'))).toBe('same');
  expect(sameness(repo('vault', 'aa'), repo('vault', 'bb', 'web'))).toBe('different');
  expect(sameness(repo('vault'), repo('vault', 'bb', 'web'))).toBe('notKnown');
});
