import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'

/** Variables as a program of the project sees them: what `.env` says, and over it what is set. */
export function readEnvironment(directory: string, env: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string | undefined>> {
  const file = join(directory, '.env')
  return existsSync(file) ? { ...parseEnv(readFileSync(file, 'utf8')), ...env } : env
}
