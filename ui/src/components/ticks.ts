// What a tick of a tick map looks like: fresh is a thin line, every other state has the shape of its
// strip cell.
import { needsYou, type PlanState } from './states';

export interface TickShape {
  kind: 'rect' | 'line';
  class: string;
  y: number;
  height: number;
  width: number;
}

/** From one tick to the next, and of the drawing. */
export const TICK_STEP = 6;
export const TICK_HEIGHT = 16;

function block(name: string, y: number, height: number, width = 4.4): TickShape {
  return { kind: 'rect', class: name, y, height, width };
}

function line(name: string, y = 3, height = 10): TickShape {
  return { kind: 'line', class: name, y, height, width: 0 };
}

export function tick(state: PlanState): TickShape[] {
  switch (state) {
    case 'never':
      return [block('k-fail', 2, 12, 4.8)];
    case 'stale':
      return [block('k-miss', 2.6, 10.8)];
    case 'failing':
      return [block('k-fail', 7.5, 6.5, 4.8)];
    case 'late':
      return [block('k-late', 2.6, 10.8, 4.2)];
    case 'warnings':
      return [block('k-warn', 6.5, 7.5), block('k-warn', 2, 3)];
    case 'running':
      return [block('k-run', 8, 6, 4), line('k-runl', 2, 6)];
    case 'waiting':
    case 'paused':
    case 'not-yet':
      return [line('k-idle', 9, 4)];
    case 'unseen':
      return [line('k-unseen')];
    case 'fresh':
      return [line('k-thin')];
  }
}

/** A machine with one of these has a tinted ground. */
export function hasGround(states: PlanState[]): boolean {
  return states.some(needsYou);
}
