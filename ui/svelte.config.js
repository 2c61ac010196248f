import { vitePreprocess } from '@sveltejs/vite-plugin-svelte';

export default {
  preprocess: vitePreprocess(),
  compilerOptions: {
    runes: true,
    // Tables say their roles: on a phone they become blocks, and browsers then forget what they are.
    warningFilter: ({ code }) => code !== 'a11y_no_redundant_roles',
  },
};
