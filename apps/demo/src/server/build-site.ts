import { fileURLToPath } from 'node:url'
import { build } from 'vite'

/** Builds the page into `directory`. */
export async function buildSite(directory: string): Promise<void> {
  await build({
    configFile: fileURLToPath(new URL('../../vite.config.ts', import.meta.url)),
    root: fileURLToPath(new URL('../..', import.meta.url)),
    logLevel: 'warn',
    build: { outDir: directory, emptyOutDir: true },
  })
}
