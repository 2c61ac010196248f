// How a machine's plans stand, in one sentence.
import type { Machine } from '$/gen/holdfast/api/v1/fleet_pb';
import type { Row } from '../fleet/rows';
import { machine as words } from './words';

const IN_TIME = ['fresh', 'unseen', 'warnings', 'running', 'paused', 'waiting', 'late'];

export function lede(plans: Row[], { here }: Machine, name: string): string {
  const says = words.lede;
  if (plans.length === 0) return here ? says.noneHere : says.none(name);
  const need = plans.filter((row) => row.needs).length;
  if (need > 0) return says.need(need, plans.length);
  const good = plans.filter(({ state, age }) => IN_TIME.includes(state) && age !== undefined);
  const warnings = plans.filter(({ state }) => state === 'warnings').length;
  const seen = plans.filter(({ state }) => state === 'unseen').length;
  const first =
    good.length === plans.length ? says.good(plans.length) : says.some(good.length, plans.length);
  const more = [
    warnings > 0 && plans.length > 1 && says.warnings(warnings),
    seen > 0 && says.seen(seen),
  ];
  return `${[first, ...more.filter(Boolean)].join(', ')}.`;
}
