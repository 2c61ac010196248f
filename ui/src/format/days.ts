// Days as a field writes them, `2026-11-21`, as times that the daemon is asked with.

/** A year that is being typed begins with zeros. */
const WHOLE = /^[1-9]\d{3}-\d\d-\d\d$/;

/** When a day of the browser's zone begins, or one so many days later; undefined: it is no day. */
function dayBegins(day: string | undefined, later = 0): string | undefined {
  if (!day || !WHOLE.test(day)) return undefined;
  const at = new Date(`${day}T00:00:00`);
  if (Number.isNaN(at.getTime())) return undefined;
  at.setDate(at.getDate() + later);
  return at.toISOString();
}

/** Both days are meant with all their hours. */
export function between(from: string | undefined, until: string | undefined) {
  return { since: dayBegins(from), until: dayBegins(until, 1) };
}
