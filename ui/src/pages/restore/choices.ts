// What can be chosen to restore.
import type { Snapshot } from '$/gen/holdfast/api/v1/api_pb';
import type { FleetPlan } from '$/gen/holdfast/api/v1/fleet_pb';
import type { Partly } from '$/api';
import { urls } from '$/app/urls';
import { mentions, tagsOf } from '../browser/tags';

/** By machine, then plan; what has neither comes last. */
export function sorted(snapshots: Snapshot[]): Snapshot[] {
  const key = (one: Snapshot) =>
    `${one.plan ? 0 : 1} ${one.instance ?? one.host}/${one.plan ?? one.paths.join()}/${one.repo}`;
  return [...snapshots].sort((a, b) => key(a).localeCompare(key(b)));
}

export function fits(one: Snapshot, typed: string): boolean {
  const { instance, host, plan, repo, shortId, paths } = one;
  return mentions([instance, host, plan, repo, shortId, ...paths, ...tagsOf(one)], typed);
}

/** Names of the query: what the snapshots have that are looked at. */
export const CONDITIONS = ['tag', 'host', 'path'] as const;
export const CLEAR = {
  q: undefined,
  tag: undefined,
  host: undefined,
  path: undefined,
  snapshot: undefined,
};

export interface Wanted {
  /** All of them. */
  tags: string[];
  host?: string;
  paths: string[];
  /** One snapshot, by the beginning of its id: any, where else it is the newest of each plan. */
  id?: string;
}

export function wantedOf(query: URLSearchParams): Wanted {
  const list = (text: string | null) => (text ?? '').split(',').map((one) => one.trim());
  return {
    tags: list(query.get('tag')).filter(Boolean),
    host: query.get('host')?.trim() || undefined,
    // A comma may be in a path, and in no tag.
    paths: [query.get('path')?.trim() ?? ''].filter(Boolean),
    id: query.get('snapshot')?.trim().toLowerCase() || undefined,
  };
}

export function isNarrowed({ tags, host, paths, id }: Wanted): boolean {
  return tags.length > 0 || host !== undefined || paths.length > 0 || id !== undefined;
}

/** Opened at the first folder that was saved: nobody looks for `/`. */
export function hrefOf(one: Snapshot, here: string): string {
  const path = one.paths.length === 1 ? (one.paths[0] ?? '') : '';
  return urls.snapshot(here, one.repo, one.shortId, path);
}

/** Plans of which no snapshot is here. Of a repo that may be among those not read nothing is said. */
export function without(plans: FleetPlan[], read: Partly<Snapshot> | undefined): FleetPlan[] {
  const snapshots = read?.all ?? [];
  const have = new Set(snapshots.map((one) => `${one.instance}/${one.plan}`));
  const seen = new Set(snapshots.map(({ repo }) => repo));
  return plans.filter(
    ({ plan }) =>
      plan && !have.has(`${plan.instance}/${plan.id}`) && (!read?.unread || seen.has(plan.repo)),
  );
}
