// What a cell of a strip looks like, for a day or a run: told apart by shape, not by colour alone.
import { words } from '$/messages';

export type Outcome =
  'good' | 'warnings' | 'failed' | 'some-failed' | 'missed' | 'running' | 'idle' | 'unseen';

export const OUTCOMES: Outcome[] = [
  'good',
  'some-failed',
  'warnings',
  'failed',
  'missed',
  'running',
  'idle',
  'unseen',
];

/** A summary names the days of these. */
const NAMED: Outcome[] = ['some-failed', 'warnings', 'failed', 'missed'];

/** What is not known is not seen: it is never drawn as good. */
export function outcome(word: string): Outcome {
  return OUTCOMES.includes(word as Outcome) ? (word as Outcome) : 'unseen';
}

/** `Fri 20 Nov`, `Mon 16 Nov to Sat 21 Nov`: the cells of an outcome that is not good. */
export function named(cells: Outcome[], what: Outcome, name: (index: number) => string): string[] {
  if (!NAMED.includes(what)) return [];
  const first = (i: number) => cells[i] === what && cells[i - 1] !== what;
  return cells.flatMap((_, i) => {
    if (!first(i)) return [];
    const end = cells.findIndex((cell, at) => at > i && cell !== what);
    const last = (end < 0 ? cells.length : end) - 1;
    return [last > i ? words.strip.span(name(i), name(last)) : name(i)];
  });
}

export interface Shape {
  kind: 'rect' | 'dot' | 'line';
  class: string;
  x: number;
  y: number;
  width: number;
  height: number;
  round: number;
}

function rect(
  name: string,
  x: number,
  y: number,
  width: number,
  height: number,
  round = 1.5,
): Shape {
  return { kind: 'rect', class: name, x, y, width, height, round };
}

/** The shapes of one cell whose upper left corner is at x, 0. */
export function cell(what: Outcome, x: number, width: number, height: number): Shape[] {
  const low = Math.round(height * 0.4);
  const top = height - 2;
  switch (what) {
    case 'good':
      return [rect('k-good', x, 1, width, top)];
    case 'warnings':
      return [rect('k-warn', x, 6, width, height - 7), rect('k-warn', x, 1, width, 3.2, 1.2)];
    case 'failed':
      return [rect('k-fail', x, height - low - 1, width, low)];
    case 'some-failed':
      return [
        rect('k-good', x, 1, width, top - low - 1.5),
        rect('k-fail', x, height - low - 1, width, low),
      ];
    case 'missed':
      return [rect('k-miss', x + 0.6, 1.6, width - 1.2, top - 1.2)];
    case 'running':
      return [
        rect('k-runo', x + 0.6, 1.6, width - 1.2, top - 1.2),
        rect('k-run', x + 0.6, height / 2, width - 1.2, height / 2 - 1.6, 1),
      ];
    case 'idle':
      return [
        {
          kind: 'dot',
          class: 'k-none',
          x: x + width / 2,
          y: height - 2.5,
          width,
          height,
          round: 1.5,
        },
      ];
    case 'unseen':
      return [
        {
          kind: 'line',
          class: 'k-unseen',
          x: x + width / 2,
          y: 2,
          width,
          height: height - 4,
          round: 0,
        },
      ];
  }
}

/** The cells of a row, each `step` from the one before, as one path for every class: a long table
 *  of strips is then some elements for each of its rows instead of twenty. */
export function drawn(
  cells: Outcome[],
  { width, height, step }: { width: number; height: number; step: number },
): [name: string, path: string][] {
  const paths = new Map<string, string>();
  cells.forEach((what, i) => {
    for (const shape of cell(what, i * step, width, height))
      paths.set(shape.class, (paths.get(shape.class) ?? '') + path(shape));
  });
  return [...paths];
}

/** As SVG draws a rect or a circle: from the upper left corner, clockwise. */
function path(shape: Shape): string {
  const y = shortest(shape.y);
  if (shape.kind === 'line') return `M${shortest(shape.x)} ${y}v${shortest(shape.height)}`;
  if (shape.kind === 'dot') {
    const r = shape.round;
    return `M${shortest(shape.x + r)} ${y}${arc(r, -r, r)}${arc(r, -r, -r)}${arc(r, r, -r)}${arc(r, r, r)}z`;
  }
  const r = Math.min(shape.round, shape.width / 2, shape.height / 2);
  const across = shortest(shape.width - 2 * r);
  const down = shortest(shape.height - 2 * r);
  return (
    `M${shortest(shape.x + r)} ${y}h${across}${arc(r, r, r)}v${down}${arc(r, -r, r)}` +
    `h${-across}${arc(r, -r, -r)}v${-down}${arc(r, r, -r)}z`
  );
}

/** A quarter of a circle, clockwise. */
function arc(radius: number, dx: number, dy: number): string {
  return `a${shortest(radius)} ${shortest(radius)} 0 0 1 ${shortest(dx)} ${shortest(dy)}`;
}

/** Hundredths of a pixel are not seen. */
function shortest(length: number): number {
  return Math.round(length * 100) / 100;
}
