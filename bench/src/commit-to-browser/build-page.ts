import { fileURLToPath } from 'node:url'
import react from '@vitejs/plugin-react'
import { build, defaultClientConditions } from 'vite'

/** Builds a page of `bench/browser` as for production, into a folder. */
export async function buildPage(directory: string, page = 'index.html'): Promise<void> {
  const root = fileURLToPath(new URL('../../browser', import.meta.url))
  await build({
    configFile: false,
    root,
    logLevel: 'error',
    plugins: [react()],
    resolve: {
      conditions: ['@zenstack-live/source', ...defaultClientConditions],
      dedupe: ['react', 'react-dom', '@tanstack/react-query', 'superjson'],
      alias: [{ find: /^@zenstackhq\/orm$/, replacement: fileURLToPath(new URL('../../browser/zenstack-orm.ts', import.meta.url)) }],
    },
    build: {
      outDir: directory,
      emptyOutDir: true,
      target: 'es2023',
      rolldownOptions: { input: `${root}/${page}` },
    },
  })
}
