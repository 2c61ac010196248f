// The file of a history with proof, as `holdfast ops verify` reads it: snake case, numbers, a tag.
import { create } from '@bufbuild/protobuf';
import { beforeEach, describe, expect, it } from 'vitest';
import { useTransport } from '$/api/transport';
import { fixtureTransport } from '$/fixtures';
import { NOW } from '$/fixtures/home';
import { ExportRecordSchema } from '$/gen/holdfast/api/v1/api_pb';
import { line, proven } from '$/pages/operations/proof';

const documents = (lines: string[]) =>
  lines.map((one) => {
    expect(one).toMatch(/^[^\n]+\n$/);
    return JSON.parse(one) as Record<string, unknown>;
  });

describe('a history with proof', () => {
  beforeEach(() => useTransport(fixtureTransport('home', () => NOW)));

  it('is one origin, its shards with their entries, and the checkpoint', async () => {
    const told: number[] = [];
    const many = (n: number) => told.push(n);
    const all = documents(await proven(undefined, many, new AbortController().signal));
    const kinds = all.map(({ record }) => record);
    expect(kinds.slice(0, 3)).toEqual(['origin', 'shard', 'entry']);
    expect(kinds.at(-1)).toBe('checkpoint');
    expect(told.at(-1)).toBe(all.length);
    expect(all[0]).toMatchObject({ format: 1, instance: 'nas' });
    expect(all[0]).toHaveProperty('public_key');
  });

  it('fails as a whole where nothing signed covers it', async () => {
    const asked = proven('cabin', () => {}, new AbortController().signal);
    await expect(asked).rejects.toThrow('no signature of that peer');
  });
});

describe('a line', () => {
  it('has positions as numbers, also those that are 0, and texts that are empty', () => {
    const shard = { repo: 'vault', plan: '', base: 0n, baseChain: 'aa', head: 7n, headChain: 'bb' };
    expect(documents([line(create(ExportRecordSchema, { shard }))])).toEqual([
      {
        repo: 'vault',
        plan: '',
        base: 0,
        base_chain: 'aa',
        head: 7,
        head_chain: 'bb',
        record: 'shard',
      },
    ]);
  });

  it('leaves out what an entry has not', () => {
    const entry = { seq: 3n, operation: 'o', kind: 'state', chain: 'cc' };
    expect(documents([line(create(ExportRecordSchema, { entry }))])).toEqual([
      { seq: 3, operation: 'o', kind: 'state', chain: 'cc', record: 'entry' },
    ]);
  });

  it('is none where nothing that proves was sent', () => {
    expect(() => line(create(ExportRecordSchema, { operation: { id: 'x' } }))).toThrow();
  });
});
