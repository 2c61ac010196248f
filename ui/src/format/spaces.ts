/** Between a number and its unit: never broken. */
export const NBSP = '\u00a0';
/** Between groups of digits. */
export const THIN = '\u202f';
