// How long a token is good for, where it is none of the usual lengths.

const MOST = 99_999;

/** Seconds, as text; undefined where the amount is no whole number from 1 up. */
export function ttlOf(amount: string, unitS: string): string | undefined {
  const whole = /^\d{1,5}$/.test(amount.trim()) ? Number(amount) : 0;
  return whole >= 1 && whole <= MOST ? String(whole * Number(unitS)) : undefined;
}
