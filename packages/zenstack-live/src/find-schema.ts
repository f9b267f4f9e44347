import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

/** Where `zen generate` writes, from most to least common. */
const USUAL = ['zenstack', 'src/zenstack', 'src/lib/zenstack', 'src/generated', 'generated', 'db', 'src/db']
const SKIPPED = new Set(['node_modules', 'dist', 'build', 'out', 'coverage'])
const MAX_DEPTH = 4
const MAX_FOLDERS = 500

/**
 * The schema that `zen generate` wrote for a project: where its package.json says, where it usually is, or the only one there is.
 *
 * @throws {TypeError} when there are several to choose from
 */
export function findSchema(directory: string): string | undefined {
  for (const folder of [outputOf(directory), ...USUAL]) {
    const file = folder === undefined ? undefined : resolve(directory, folder, 'schema.ts')
    if (file !== undefined && isGenerated(file)) return file
  }
  const found = searchBelow(directory)
  if (found.length > 1) throw new TypeError(`There are several generated schemas here: ${found.join(', ')}. Name one in zenstack-live.config.ts.`)
  return found[0]
}

/** What ZenStack's own command line reads. */
function outputOf(directory: string): string | undefined {
  const file = join(directory, 'package.json')
  if (!existsSync(file)) return undefined
  const manifest: unknown = JSON.parse(readFileSync(file, 'utf8'))
  if (typeof manifest !== 'object' || manifest === null || !('zenstack' in manifest)) return undefined
  const { zenstack } = manifest
  if (typeof zenstack !== 'object' || zenstack === null) return undefined
  if ('output' in zenstack && typeof zenstack.output === 'string') return zenstack.output
  return 'schema' in zenstack && typeof zenstack.schema === 'string' ? dirname(zenstack.schema) : undefined
}

/** Breadth first, and not for ever. */
function searchBelow(directory: string): string[] {
  const found: string[] = []
  let level = [directory]
  let count = 0
  for (let depth = 0; depth < MAX_DEPTH && level.length > 0; depth++) {
    const next: string[] = []
    for (const folder of level) {
      if (++count > MAX_FOLDERS) return found
      const file = join(folder, 'schema.ts')
      if (isGenerated(file)) found.push(file)
      next.push(...foldersIn(folder))
    }
    level = next
  }
  return found
}

function foldersIn(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true })
  return entries
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && !SKIPPED.has(entry.name))
    .map(({ name }) => join(folder, name))
}

function isGenerated(file: string): boolean {
  return existsSync(file) && statSync(file).isFile() && /class SchemaType\b/.test(readFileSync(file, 'utf8'))
}
