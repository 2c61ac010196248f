// Whether the welcome page has been seen in this browser, and when it is worth showing.
import type { Overview } from '$/gen/holdfast/api/v1/fleet_pb';
import type { WhoAmI } from '$/gen/holdfast/api/v1/session_pb';

const SEEN = 'holdfast-welcomed';

export function welcomed(): void {
  try {
    localStorage.setItem(SEEN, '1');
  } catch {
    // Without a store the page is only shown once more.
  }
}

/** Whoever is nobody is let in nowhere else: to the login, or to make the first user. */
export function entrance(me: WhoAmI | undefined): 'login' | 'welcome' | undefined {
  if (me?.role !== 'none') return undefined;
  return me.usersExist ? 'login' : 'welcome';
}

/** Nobody, nothing and no peer yet, and not been told so before. */
export function isFirstRun(me: WhoAmI | undefined, overview: Overview | undefined): boolean {
  if (!me || me.usersExist || me.role === 'none' || !overview) return false;
  if (overview.plans.length > 0 || overview.machines.length > 1) return false;
  try {
    return localStorage.getItem(SEEN) === null;
  } catch {
    return false;
  }
}
