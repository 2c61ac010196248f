// When each kind of upkeep is due: the daemon says it, as it is the one who starts it.
import type { Repo } from '$/gen/holdfast/api/v1/api_pb';

export const KINDS = ['check', 'prune', 'forget', 'stats'] as const;

export interface Due {
  /** By the daemon's clock and agenda; undefined: nothing is planned, or it is not told. */
  next?: string;
  /** As it is written; undefined where nothing starts it by itself. */
  schedule?: string;
}

export function due({ upkeep, ...repo }: Repo): Record<(typeof KINDS)[number], Due> {
  const of = (next: string | undefined, schedule: string | undefined): Due => ({
    next,
    schedule: schedule === 'manual' ? undefined : schedule || undefined,
  });
  return {
    check: of(repo.nextCheck, upkeep?.checkSchedule),
    prune: of(repo.nextPrune, upkeep?.pruneSchedule),
    forget: of(repo.nextForget, upkeep?.forgetSchedule),
    stats: of(repo.nextStats, upkeep?.statsSchedule),
  };
}
