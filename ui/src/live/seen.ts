// Until when what is shown is known: while nobody answers, it is told as of when somebody last did.
import { clock } from './clock.svelte';
import { live } from './live.svelte';

export const seen = {
  /** Nobody answers: nothing that is shown is from now. */
  get gone(): boolean {
    return live.link.state === 'down';
  },
  /** By the daemon's clock: now, or when it was last heard. What goes on is told up to then. */
  get until(): number {
    const { link } = live;
    return link.state === 'down' ? clock.at(link.since) : clock.now;
  },
};
