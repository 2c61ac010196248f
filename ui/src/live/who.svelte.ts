// Who uses this tab, and what they may do. The daemon decides; this only keeps the UI from offering
// what would be refused.
import { api } from '$/api';
import type { WhoAmI } from '$/gen/holdfast/api/v1/session_pb';
import { live } from './live.svelte';
import { forgetOverview } from './overview.svelte';
import { forgetLastKnown } from './resource.svelte';

export type Role = 'none' | 'viewer' | 'operator' | 'admin';
const ORDER: Role[] = ['none', 'viewer', 'operator', 'admin'];

let me = $state.raw<WhoAmI>();

export const who = {
  /** Undefined until the daemon has said it. */
  get me(): WhoAmI | undefined {
    return me;
  },
  /** Whether one of this role or more asks. */
  may(role: Role): boolean {
    return ORDER.indexOf((me?.role ?? 'none') as Role) >= ORDER.indexOf(role);
  },
  async ask(): Promise<WhoAmI> {
    me = await api.session.whoAmI({});
    return me;
  },
  /** After a login or the first user: what the call answered with. */
  is(answered: WhoAmI): void {
    me = answered;
  },
  async logout(): Promise<void> {
    const left = await api.session.logout({});
    live.stop();
    forgetLastKnown();
    forgetOverview();
    me = left;
  },
};
