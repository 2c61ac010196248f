// Where a long list is scrolled to, when it is longer than a browser can draw.
//
// Up to `TALLEST` pixels a list is as tall as its rows. Beyond, its box stays that tall and shows the
// rows from `shift` pixels on: a step of the wheel is a step of the rows, a jump of the scroll bar
// goes to the same part of the list, and at an end of the box the rows are moved under the reader.

/** Browsers end at some 33 million pixels. */
export const TALLEST = 30_000_000;
/** What is further than so many windows is no step of a wheel. */
const JUMP = 20;

export interface Lengths {
  /** Of all rows. */
  full: number;
  /** Of the box that is scrolled. */
  tall: number;
  /** Of the window. */
  view: number;
}

export interface Place {
  /** Pixels of the box above the window. */
  offset: number;
  /** Pixels of rows above the box. */
  shift: number;
}

export interface Moved {
  place: Place;
  /** By so much the window has to be scrolled, so that the same rows stay in it. */
  by: number;
}

/** The place after the box was scrolled to that offset. */
export function moved(before: Place, offset: number, { full, tall, view }: Lengths): Moved {
  const hidden = full - tall;
  const room = Math.max(1, tall - view);
  const stay = Math.min(before.shift, hidden);
  const place = (shift: number) => ({ place: { offset, shift }, by: 0 });
  if (hidden <= 0) return place(0);
  if (Math.abs(offset - before.offset) > JUMP * view)
    return place(Math.round((hidden * Math.min(offset, room)) / room));
  if (offset <= 0) return kept(offset, stay, 0);
  return offset >= room ? kept(offset, stay, hidden) : place(stay);
}

/** Another shift, and the same rows in the window. */
function kept(offset: number, shift: number, wanted: number): Moved {
  const by = shift - wanted;
  return { place: { offset: offset + by, shift: wanted }, by };
}
