// The time by which ages are told: the daemon's, ticking often enough for minutes.
const TICK_MS = 5_000;

let ticking = $state(Date.now());
let ahead = 0;

if (typeof window !== 'undefined') {
  setInterval(() => (ticking = Date.now()), TICK_MS);
  // A laptop that wakes up must not show ages from before it slept.
  document.addEventListener('visibilitychange', () => (ticking = Date.now()));
}

export const clock = {
  /** Milliseconds since the epoch by the daemon's clock. What reads it is drawn again as time goes. */
  get now(): number {
    return ticking + ahead;
  },
  /** A moment of this browser by the daemon's clock. */
  at(browserTime: number): number {
    return browserTime + ahead;
  },
  /** Ages are told by the clock that wrote the times: an answer's own time says how far it is ahead. */
  setBy(daemonTime: string): void {
    const offset = Date.parse(daemonTime) - Date.now();
    // Below this it is the way of the answer, and would only make ages jump.
    ahead = Math.abs(offset) > 2_000 ? offset : 0;
    ticking = Date.now();
  },
};
