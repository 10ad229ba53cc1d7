/// <reference types="vitest/config" />
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

// The studio's page. `vite` alone serves it with what is edited, over a studio on port 8400.
export default defineConfig({
  plugins: [svelte()],
  build: { target: 'es2022', chunkSizeWarningLimit: 700, modulePreload: { polyfill: false } },
  resolve: { conditions: ['browser', 'module', 'import', 'default'] },
  test: { include: ['test/**/*.test.ts'] },
});
