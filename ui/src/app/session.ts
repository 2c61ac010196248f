// Signing out, from wherever it is asked for.
import { who } from '$/live';
import { router } from './router.svelte';
import { urls } from './urls';

export async function leave(): Promise<void> {
  await who.logout();
  router.go(urls.login(), { replace: true });
}
