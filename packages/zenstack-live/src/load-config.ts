import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { createJiti } from 'jiti'
import type { LiveConfig } from './config.ts'

const NAMES = ['zenstack-live.config.ts', 'zenstack-live.config.mts', 'zenstack-live.config.js', 'zenstack-live.config.mjs']

export interface LoadedConfig extends LiveConfig {
  /** The file it was read from. */
  file: string
}

/**
 * Reads `zenstack-live.config.ts`. The environment fills what it leaves open: `DATABASE_URL`, `REDIS_URL`, `ZENSTACK_LIVE_SECRET`.
 *
 * @param options.file - instead of the one in `directory`
 * @throws {TypeError} when there is none, or it is not a configuration
 */
export async function loadConfig(options: {
  directory: string
  file?: string | undefined
  env: Readonly<Record<string, string | undefined>>
}): Promise<LoadedConfig> {
  const { directory, env } = options
  const file =
    options.file === undefined ? NAMES.map((name) => join(directory, name)).find((path) => existsSync(path)) : resolve(directory, options.file)
  if (file === undefined || !existsSync(file)) {
    throw new TypeError(
      `There is no ${file ?? 'zenstack-live.config.ts'} in ${directory}. Write one with \`defineConfig\` of "zenstack-live/config", or name it with --config.`,
    )
  }
  const jiti = createJiti(pathToFileURL(file).href, { interopDefault: true })
  const module: unknown = await jiti.import(file)
  const config = configOf(module)
  if (config === undefined) throw new TypeError(`${file} exports no configuration. Write \`export default defineConfig({ schema, … })\`.`)
  const { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, ZENSTACK_LIVE_SECRET: secret } = env
  return {
    ...(isGiven(databaseUrl) ? { database: { url: databaseUrl } } : {}),
    ...(isGiven(redisUrl) ? { redis: { url: redisUrl } } : {}),
    ...(isGiven(secret) ? { secret } : {}),
    ...config,
    file,
  }
}

function configOf(module: unknown): LiveConfig | undefined {
  if (typeof module !== 'object' || module === null) return undefined
  const candidates = [Reflect.get(module, 'default'), Reflect.get(module, 'config'), module]
  // The type is the file's own promise, given by `defineConfig`; the schema is what everything else is built on.
  return candidates.find((value): value is LiveConfig => typeof value === 'object' && value !== null && 'schema' in value)
}

function isGiven(value: string | undefined): value is string {
  return value !== undefined && value !== ''
}
