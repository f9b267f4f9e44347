import { fileURLToPath } from 'node:url'
import react from '@vitejs/plugin-react'
import { defaultClientConditions, defineConfig } from 'vite'

export default defineConfig({
  plugins: [react()],
  resolve: {
    // The packages of this workspace are read from `src`, unbuilt.
    conditions: ['@zenstack-live/source', ...defaultClientConditions],
    dedupe: ['react', 'react-dom', '@tanstack/react-query', 'superjson'],
    alias: [{ find: /^@zenstackhq\/orm$/, replacement: fileURLToPath(new URL('src/browser/zenstack/orm.ts', import.meta.url)) }],
  },
  // `pnpm dev` beside a running demo: the page reloads as it is edited, the server stays.
  server: { proxy: { '/api': `http://localhost:${process.env['PORT'] ?? 3000}` } },
  // A slow machine is no news to whoever starts the demo.
  build: { target: 'es2023', rolldownOptions: { checks: { bundlerTimings: false, pluginTimings: false } } },
})
