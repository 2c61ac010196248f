export { words } from './en';
export { form, listed, plural, LANGUAGE } from './plural';
export type { Forms } from './plural';
