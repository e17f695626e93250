import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import tailwindcss from '@tailwindcss/vite';
import openapi, { astToString } from 'openapi-typescript';
import { defineConfig, type Plugin } from 'vite';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const server = process.env.MIMEME_ADDRESS ?? 'http://127.0.0.1:8080';

/** Writes src/lib/contract.d.ts from the contract, so that the app cannot ask for what the server does not promise. */
function contract(): Plugin {
  const source = here('../docs/api/openapi.yaml');
  const target = here('src/lib/contract.d.ts');
  return {
    name: 'contract',
    async buildStart() {
      this.addWatchFile(source);
      const types = astToString(await openapi(new URL('../docs/api/openapi.yaml', import.meta.url)));
      const before = await readFile(target, 'utf8').catch(() => '');
      if (types !== before) await writeFile(target, types);
    },
  };
}

export default defineConfig({
  root: here('.'),
  plugins: [contract(), tailwindcss(), svelte()],
  build: {
    outDir: process.env.UI_OUT ?? here('../build/ui'),
    emptyOutDir: true,
    target: 'es2022',
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: Object.fromEntries(['/api', '/healthz', '/openapi.json', '/docs'].map((path) => [path, server])),
  },
});
