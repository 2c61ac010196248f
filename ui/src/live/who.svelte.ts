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

function forgetAll(): void {
  forgetLastKnown();
  forgetOverview();
}

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
  /** After a login or the first user: what the call answered with. What was refused before is asked anew. */
  is(answered: WhoAmI): void {
    forgetAll();
    me = answered;
  },
  /** The login was ended elsewhere: by an admin, by a new password, by time. */
  ended(): void {
    live.stop();
    forgetAll();
    if (me) me = { ...me, user: undefined, role: 'none' };
  },
  async logout(): Promise<void> {
    // Before the daemon cuts it: a stream that ends by itself is a fault to a browser.
    live.stop();
    try {
      me = await api.session.logout({});
      forgetAll();
    } catch (thrown) {
      live.start();
      throw thrown;
    }
  },
};
