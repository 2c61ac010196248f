// Lengths of time and sizes as they are written in the config: `36h`, `4GiB`.

const SECONDS: Record<string, number> = { w: 604_800, d: 86_400, h: 3600, m: 60, s: 1 };
/** Weeks are read, and written as days. */
const LARGEST_FIRST = ['d', 'h', 'm', 's'];

const BYTES: Record<string, bigint> = {
  TiB: 2n ** 40n,
  GiB: 2n ** 30n,
  MiB: 2n ** 20n,
  KiB: 2n ** 10n,
  TB: 10n ** 12n,
  GB: 10n ** 9n,
  MB: 10n ** 6n,
  kB: 1000n,
  B: 1n,
};

/** Seconds of `36h`; undefined where it is no length of time. */
export function spanOf(text: string): bigint | undefined {
  const found = /^(\d{1,9}) ?([smhdw])$/.exec(text.trim());
  return found ? BigInt(Number(found[1]) * (SECONDS[found[2] ?? ''] ?? 0)) : undefined;
}

/** `36h`: the largest unit that says it exactly. */
export function spanText(seconds: bigint): string {
  const size = (name: string) => BigInt(SECONDS[name] ?? 1);
  const unit = LARGEST_FIRST.find((name) => seconds > 0n && seconds % size(name) === 0n) ?? 's';
  return `${seconds / size(unit)}${unit}`;
}

/** Bytes of `500 MB` or `4GiB`; undefined where it is no size. */
export function sizeOf(text: string): bigint | undefined {
  const found = /^(\d{1,15}) ?([A-Za-z]*)$/.exec(text.trim());
  const unit = BYTES[found?.[2] || 'B'];
  return found && unit ? BigInt(found[1] ?? 0) * unit : undefined;
}

/** `4GiB`: the first unit that says it exactly. */
export function sizeText(size: bigint): string {
  const found = Object.entries(BYTES).find(([, unit]) => size > 0n && size % unit === 0n);
  const [name, unit] = found ?? ['B', 1n];
  return `${size / unit}${name}`;
}
