// Until when an API key is good, where it is none of the usual lengths.

/** Seconds to the end of that day, where the browser is; undefined where it is no day, or is over. */
export function untilEndOf(day: string, now: number): bigint | undefined {
  const found = /^(\d{4})-(\d\d)-(\d\d)$/.exec(day);
  if (!found) return undefined;
  const [year, month, date] = found.slice(1).map(Number) as [number, number, number];
  const left = Math.floor((new Date(year, month - 1, date + 1).getTime() - now) / 1000);
  return left > 0 ? BigInt(left) : undefined;
}
