// How much: IEC units, three figures; thin spaces in counts.
import { NBSP, THIN } from './spaces';

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];

/** `41 MiB`, `6.4 GiB`, `1.31 TiB`. */
export function bytes(amount: number | bigint): string {
  let value = Number(amount);
  let unit = 0;
  // 999.5 would be printed with four figures.
  while (value >= (unit === 0 ? 1024 : 999.5) && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${figures(value, unit)}${NBSP}${UNITS[unit]}`;
}

function figures(value: number, unit: number): string {
  if (unit === 0 || value >= 99.95) return value.toFixed(0);
  // Zeros after the point say nothing.
  return String(Number(value.toFixed(value >= 9.995 ? 1 : 2)));
}

/** `50 603 228 160 bytes`: for hover. */
export function exactBytes(amount: number | bigint): string {
  return `${count(amount)}${NBSP}bytes`;
}

/** `228 MiB/s` */
export function rate(bytesPerSecond: number): string {
  return `${bytes(bytesPerSecond)}/s`;
}

/** `1 000 000` */
export function count(amount: number | bigint): string {
  return String(amount).replace(/\B(?=(\d{3})+(?!\d))/g, THIN);
}

/** `62 %` */
export function percent(permille: number): string {
  return `${Math.floor(permille / 10)}${NBSP}%`;
}

/** Of a key id enough to tell which kind it is, too. */
export function shortKey(keyId: string): string {
  return `${keyId.slice(0, 16)}…`;
}

/** The first 8 characters of an id; what is copied is all of it. */
export function shortId(id: string): string {
  return id.slice(0, 8);
}
