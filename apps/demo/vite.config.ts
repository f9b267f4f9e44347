import react from '@vitejs/plugin-react'
import { defaultClientConditions, defineConfig } from 'vite'

export default defineConfig({
  plugins: [react()],
  // The packages of this workspace are read from `src`, unbuilt.
  resolve: { conditions: ['@zenstack-live/source', ...defaultClientConditions], dedupe: ['react', 'react-dom', '@tanstack/react-query', 'superjson'] },
  build: { target: 'es2023', chunkSizeWarningLimit: 900 },
})
