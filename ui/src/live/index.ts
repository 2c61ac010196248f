export { clock } from './clock.svelte';
export { live } from './live.svelte';
export type { Changed } from './live.svelte';
export { forgetOverview, overview } from './overview.svelte';
export { keep, known, Resource, resource } from './resource.svelte';
export { seen } from './seen';
export { who } from './who.svelte';
export type { Role } from './who.svelte';
export type { Link } from './watching';
