export { words } from './en';
export { form, listed, plural } from './plural';
export type { Forms } from './plural';
