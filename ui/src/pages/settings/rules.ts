// Rules have no names: one is found again by what it says. And of which plans each is told.
import type { Plan } from '$/gen/holdfast/api/v1/api_pb';
import type { Overview } from '$/gen/holdfast/api/v1/fleet_pb';
import type { Hook } from '$/gen/holdfast/api/v1/settings_pb';

function says({ place, on, channel, action, summary }: Hook): string {
  return JSON.stringify([place, on, channel, action, summary]);
}

/** The rule as it is now, also where others came or went before it; undefined if it says something else. */
export function ruleNow(opened: Hook | undefined, hooks: Hook[]): Hook | undefined {
  if (!opened) return undefined;
  const same = hooks.filter((hook) => says(hook) === says(opened));
  return same.find(({ index }) => index === opened.index) ?? same[0];
}

/** The plans of this machine. */
export function ownPlans(overview: Overview | undefined): Plan[] {
  const here = overview?.machines.find((machine) => machine.here)?.keyId;
  return (overview?.plans ?? []).flatMap(({ plan, keyId }) =>
    plan && keyId === here ? [plan] : [],
  );
}

/** Of which of the plans a rule is told; `first` is where one looks from. */
export function toldOf(place: string, plans: Plan[], first?: string): string[] {
  const [kind, id] = place.split(':');
  if (kind === 'plan' && id) return [id];
  const told = kind === 'repo' ? plans.filter(({ repo }) => repo === id) : plans;
  const ids = told.map((plan) => plan.id);
  return first && ids.includes(first) ? [first, ...ids.filter((one) => one !== first)] : ids;
}
