// The sizes of a repo as its chart draws them.
import { describe, expect, it } from 'vitest';
import { bytes } from '../src/format';
import { marks } from '../src/pages/repo/sizes';

const told = (most: number) => marks(most).map((mark) => bytes(mark).replace('\u00a0', ' '));

describe('lines of the chart of sizes', () => {
  it('are at round numbers of their unit', () => {
    expect(told(2.2 * 1024 ** 4)).toEqual(['0 B', '1 TiB', '2 TiB']);
    expect(told(5 * 1024 ** 4)).toEqual(['0 B', '2 TiB', '4 TiB']);
    expect(told(130 * 1024 ** 3)).toEqual(['0 B', '50 GiB', '100 GiB']);
    expect(told(3000 * 1024 ** 2)).toEqual(['0 B', '1 GiB', '2 GiB']);
  });

  it('are few, and there is one for next to nothing', () => {
    expect(told(1)).toEqual(['0 B', '1 B']);
    for (const most of [7, 999, 1025, 7e5, 4e9, 9e13]) expect(marks(most).length).toBeLessThan(7);
  });
});
