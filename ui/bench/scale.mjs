// How much is measured: QUICK=1 for a small look, OPERATIONS=n and FILES=n for other sizes, PART=a,b for
// some parts.
export const MACHINES = 100;
export const PLANS = 10;
export const PARTS = ['fleet', 'pages', 'filters', 'scrolling', 'files'];

const isSet = (value) => value !== undefined && value !== '' && value !== '0';

function number(name, otherwise) {
  const given = process.env[name];
  if (!isSet(given)) return otherwise;
  const value = Number(given);
  if (!Number.isInteger(value) || value < 1) throw new Error(`${name} is a number of at least 1`);
  return value;
}

export function scale() {
  const quick = isSet(process.env.QUICK);
  const asked = process.env.PART?.split(',').filter(Boolean) ?? [];
  if (asked.some((part) => !PARTS.includes(part)))
    throw new Error(`PART is some of ${PARTS.join(', ')}`);
  const runs = Math.ceil(number('OPERATIONS', quick ? 20_000 : 1_000_000) / (MACHINES * PLANS));
  return {
    runs,
    operations: runs * MACHINES * PLANS,
    files: number('FILES', quick ? 20_000 : 1_000_000),
    repeats: quick ? 3 : 10,
    /** Of one way of scrolling, in seconds. */
    seconds: quick ? 3 : 10,
    has: (name) => asked.length === 0 || asked.includes(name),
  };
}
