import { fileURLToPath } from 'node:url';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

/** Where a running daemon serves the API, for `npm run dev` against real data. */
const daemon = process.env.HOLDFAST_URL ?? 'http://127.0.0.1:9898';

export default defineConfig(({ mode }) => ({
  plugins: [svelte()],
  resolve: {
    alias: { $: fileURLToPath(new URL('./src', import.meta.url)) },
    // Tests mount components: they need Svelte's browser half.
    conditions: mode === 'test' ? ['browser'] : undefined,
  },
  // The browser's own Host goes along: the daemon compares it with the origin.
  server: {
    proxy: { '^/(holdfast\\.api\\.v1\\.|download)': { target: daemon, changeOrigin: false } },
  },
  build: {
    target: 'es2022',
    outDir: mode === 'fixtures' ? 'dist-fixtures' : 'dist',
    // The page's policy is default-src 'self': nothing may become a data: URI.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    manifest: true,
  },
  test: { environment: 'happy-dom', include: ['tests/**/*.test.ts', 'src/**/*.test.ts'] },
}));
