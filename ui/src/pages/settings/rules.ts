// Rules have no names: one is found again by what it says.
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
