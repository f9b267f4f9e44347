import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { createJiti } from 'jiti'
import type { LiveConfig } from './config.ts'
import { findSchema } from './find-schema.ts'
import { readEnvironment } from './read-environment.ts'

const NAMES = ['zenstack-live.config.ts', 'zenstack-live.config.mts', 'zenstack-live.config.js', 'zenstack-live.config.mjs']

export interface LoadedConfig extends LiveConfig {
  /** The file it was read from: a configuration, or in a project that has none the generated schema. */
  file: string
}

/**
 * Reads `zenstack-live.config.ts`; a project that has none is described by the schema that ZenStack generated. The environment and
 * `.env` fill what is left open: `DATABASE_URL`, `REDIS_URL`, `ZENSTACK_LIVE_SECRET`.
 *
 * @param options.file - instead of the one in `directory`
 * @throws {TypeError} when there is neither, or it is not a configuration
 */
export async function loadConfig(options: {
  directory: string
  file?: string | undefined
  env: Readonly<Record<string, string | undefined>>
}): Promise<LoadedConfig> {
  const { directory } = options
  const file = options.file === undefined ? findConfig(directory) : resolve(directory, options.file)
  if (!existsSync(file)) throw new TypeError(`There is no ${file}.`)
  const jiti = createJiti(pathToFileURL(file).href, { interopDefault: true })
  const module: unknown = await jiti.import(file)
  const config = configOf(module)
  if (config === undefined) throw new TypeError(`${file} exports no configuration. Write \`export default defineConfig({ schema, … })\`.`)
  const { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, ZENSTACK_LIVE_SECRET: secret } = readEnvironment(directory, options.env)
  return {
    ...(isGiven(databaseUrl) ? { database: { url: databaseUrl } } : {}),
    ...(isGiven(redisUrl) ? { redis: { url: redisUrl } } : {}),
    ...(isGiven(secret) ? { secret } : {}),
    ...config,
    file,
  }
}

function findConfig(directory: string): string {
  const file = NAMES.map((name) => join(directory, name)).find((path) => existsSync(path)) ?? findSchema(directory)
  if (file !== undefined) return file
  const cure = hasZmodel(directory)
    ? 'Run `npx zen generate` first: the schema that it writes is what is made live.'
    : 'Run this where your ZenStack project is, or name a configuration with --config.'
  throw new TypeError(`There is no zenstack-live.config.ts and no generated ZenStack schema in ${directory}. ${cure}`)
}

function hasZmodel(directory: string): boolean {
  return ['schema.zmodel', 'zenstack/schema.zmodel'].some((name) => existsSync(join(directory, name)))
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
