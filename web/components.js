// Builds each file of src/mounts as one script that stands alone: dist/components/<name>.js defines Glassworks.mount.
// Beside them lies studio.css, the style that their pages have.
import { copyFileSync, mkdirSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { build } from 'vite';

const here = fileURLToPath(new URL('.', import.meta.url));
for (const file of readdirSync(`${here}src/mounts`).filter((name) => name.endsWith('.ts'))) {
  await build({
    root: here,
    configFile: false,
    logLevel: 'warn',
    plugins: [svelte({ compilerOptions: { css: 'injected' } })],
    build: {
      target: 'es2022',
      outDir: 'dist/components',
      emptyOutDir: false,
      copyPublicDir: false,
      lib: { entry: `${here}src/mounts/${file}`, name: 'Glassworks', formats: ['iife'], fileName: () => file.replace('.ts', '.js') },
    },
  });
}
mkdirSync(`${here}dist/components`, { recursive: true });
copyFileSync(`${here}src/studio.css`, `${here}dist/components/studio.css`);
