import { describe, expect, test } from 'vitest';
import { moved, TALLEST, type Place } from '$/components/scrolled';

const ROW = 38;
const view = 900;
const lengths = (rows: number) => ({
  full: rows * ROW,
  tall: Math.min(rows * ROW, TALLEST),
  view,
});
const start: Place = { offset: 0, shift: 0 };
/** The pixel of all rows that is on top of the window. */
const top = ({ offset, shift }: Place) => offset + shift;

describe('a long list', () => {
  test('that a browser can draw is scrolled as it is', () => {
    const { place, by } = moved(start, 12_345, lengths(700_000));
    expect([top(place), by]).toEqual([12_345, 0]);
  });

  test('of a million rows: a step of the wheel is a step of the rows, to the last one', () => {
    const million = lengths(1_000_000);
    const end = million.full - view;
    let place = start;
    let steps = 0;
    while (top(place) < end && steps < 10_000) {
      const before = top(place);
      // The browser ends at the end of the box, wherever the rows are.
      const offset = Math.min(place.offset + 15_000, million.tall - view);
      const step = offset - place.offset;
      place = moved(place, offset, million).place;
      expect(top(place)).toBe(before + step);
      steps += 1;
    }
    expect(top(place)).toBe(end);
    expect(steps).toBeLessThanOrEqual(Math.ceil(end / 15_000) + 1);
  });

  test('and back to the first', () => {
    const million = lengths(1_000_000);
    let place = moved(start, million.tall - view, million).place;
    for (let steps = 0; top(place) > 0 && steps < 10_000; steps += 1) {
      const before = top(place);
      const offset = Math.max(0, place.offset - 15_000);
      const step = offset - place.offset;
      place = moved(place, offset, million).place;
      expect(top(place)).toBe(before + step);
    }
    expect(place).toEqual(start);
  });

  test('a jump of the scroll bar goes to the same part of it', () => {
    const million = lengths(1_000_000);
    const room = million.tall - view;
    expect(top(moved(start, room, million).place)).toBe(million.full - view);
    const middle = top(moved(start, room / 2, million).place);
    expect(middle / (million.full - view)).toBeCloseTo(0.5);
  });

  test('that grows stays where it is', () => {
    const before = moved(start, TALLEST - view, lengths(800_000)).place;
    const { place, by } = moved(before, before.offset - 100, lengths(805_000));
    expect([top(place), by]).toEqual([top(before) - 100, 0]);
  });
});
