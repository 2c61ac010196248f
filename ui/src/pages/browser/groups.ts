// Snapshots by who made them of what: the ones that are versions of each other.
import type { Snapshot } from '$/gen/holdfast/api/v1/api_pb';

export interface Group {
  key: string;
  instance?: string;
  plan?: string;
  /** Newest first. */
  snapshots: Snapshot[];
}

/** Machine and plan; without these tags, host and paths. */
export function groupKey(snapshot: Snapshot): string {
  if (snapshot.plan) return `${snapshot.instance ?? ''} / ${snapshot.plan}`;
  return `${snapshot.host}: ${snapshot.paths.join(', ')}`;
}

/** By name; those of holdfast's plans come first. */
export function grouped(snapshots: Snapshot[]): Group[] {
  const groups = new Map<string, Group>();
  for (const snapshot of snapshots) {
    const key = groupKey(snapshot);
    const group = groups.get(key) ?? {
      key,
      instance: snapshot.plan ? snapshot.instance : undefined,
      plan: snapshot.plan,
      snapshots: [],
    };
    group.snapshots.push(snapshot);
    groups.set(key, group);
  }
  for (const group of groups.values()) group.snapshots.sort((a, b) => b.time.localeCompare(a.time));
  return [...groups.values()].sort(
    (a, b) => Number(!a.plan) - Number(!b.plan) || a.key.localeCompare(b.key),
  );
}

/** The snapshot of an address: an id or the beginning of one; `latest` with a plan in the query. */
export function named(
  groups: Group[],
  id: string,
  of: { plan: string; instance: string },
): Snapshot | undefined {
  const all = groups.flatMap((group) => group.snapshots);
  if (id !== 'latest') return all.find((snapshot) => snapshot.id.startsWith(id));
  const fits = (group: Group) =>
    (!of.plan || group.plan === of.plan) && (!of.instance || group.instance === of.instance);
  return groups
    .filter(fits)
    .map((group) => group.snapshots[0])
    .filter((snapshot) => snapshot !== undefined)
    .sort((a, b) => b.time.localeCompare(a.time))[0];
}

/** What a snapshot is compared with: by the beginning of its id, of any group; `older` is the one before
    it, else the one after. */
export function compared(groups: Group[], snapshot: Snapshot, comparing: string) {
  const all = groups.flatMap((group) => group.snapshots);
  if (comparing !== 'older') return all.find(({ id }) => id.startsWith(comparing));
  const own = groupOf(groups, snapshot)?.snapshots ?? [];
  const at = own.indexOf(snapshot);
  return own[at + 1] ?? own[at - 1];
}

export function groupOf(groups: Group[], snapshot: Snapshot | undefined): Group | undefined {
  return groups.find((group) => snapshot && group.snapshots.includes(snapshot));
}
