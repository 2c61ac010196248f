// What a grant comes to of what is there now, by the predicate that will decide.
import type { Visibility } from '$/gen/holdfast/api/v1/draft_pb';
import type { Given } from './grants';

/** Only what is shared is sent. */
export const TAKE = 'receive-shared-repos';

/** As scopes: `plan:home`, `repo:vault`. */
export interface Reach {
  held: string[];
  /** In reach, and not sent before it is shared. */
  unshared: string[];
  others: string[];
}

export function reachOf({ permission }: Given, visible: Visibility, shared: Set<string>): Reach {
  const taking = permission === TAKE;
  const things = [
    ...(taking ? [] : visible.plans.map((thing) => ({ ...thing, scope: `plan:${thing.id}` }))),
    ...visible.repos.map((thing) => ({ ...thing, scope: `repo:${thing.id}` })),
  ];
  const reach: Reach = { held: [], unshared: [], others: [] };
  for (const { id, scope, permissions } of things) {
    if (!permissions.includes(permission)) reach.others.push(scope);
    else if (taking && !shared.has(id)) reach.unshared.push(scope);
    else reach.held.push(scope);
  }
  return reach;
}
