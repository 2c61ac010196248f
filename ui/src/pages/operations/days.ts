// Flows by the day they began on.
import { day, isoDay, ownZone } from '$/format';
import { operationLook } from '$/components/states';
import type { Flow } from './flows';
import { ops } from './words';

const DAY_MS = 24 * 3600 * 1000;

export interface Section {
  /** `2026-11-21` */
  key: string;
  title: string;
  about: string;
  flows: Flow[];
  failed: number;
  /** All of that day is here: only then its number says something. */
  whole: boolean;
}

/** `Berlin` of `Europe/Berlin`. */
function zone(): string {
  const name = ownZone();
  return (name.split('/').pop() ?? name).replaceAll('_', ' ');
}

export function days(flows: Flow[], now: number, hasOlder: boolean): Section[] {
  const by = new Map<string, Flow[]>();
  for (const flow of flows) {
    const key = isoDay(new Date(flow.startedAt));
    const there = by.get(key);
    if (there) there.push(flow);
    else by.set(key, [flow]);
  }
  const today = isoDay(new Date(now));
  const yesterday = isoDay(new Date(now - DAY_MS));
  const keys = [...by.keys()];
  return [...by].map(([key, own]) => {
    const date = day(own[0]?.startedAt ?? '', now);
    const title = key === today ? ops.today : key === yesterday ? ops.yesterday : date;
    return {
      key,
      title,
      about: key === today ? ops.zoned(date, zone()) : title === date ? '' : date,
      flows: own,
      failed: own.filter(({ worst }) => operationLook(worst.status).tone === 'bad').length,
      whole: !hasOlder || key !== keys.at(-1),
    };
  });
}
