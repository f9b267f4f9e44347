import { fileURLToPath } from 'node:url'

/** `.cache` at the root of the repository: what was downloaded once and may be thrown away. */
export function cacheDirectory(): string {
  return fileURLToPath(new URL('../../../.cache', import.meta.url))
}
