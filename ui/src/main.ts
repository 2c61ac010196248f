import { mount } from 'svelte';
import App from './app/App.svelte';

/** Data made up for development and tests; the production build has none of it. */
if (import.meta.env.DEV || import.meta.env.MODE === 'fixtures') {
  const { useFixtures } = await import('./fixtures');
  useFixtures();
}

const target = document.getElementById('app');
if (target) mount(App, { target });
