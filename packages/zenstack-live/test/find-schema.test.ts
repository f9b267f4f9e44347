import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findSchema } from '../src/find-schema.ts'
import { loadConfig } from '../src/load-config.ts'

const SCHEMA = `export class SchemaType { provider = { type: 'postgresql' }; models = { Task: { name: 'Task' } } }\nexport const schema = new SchemaType()\n`
let project: string
beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'zenstack-live-project-'))
})
afterEach(() => rmSync(project, { recursive: true, force: true }))

function write(path: string, text = SCHEMA): string {
  const file = join(project, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
  return file
}

describe('finding the schema of a project', () => {
  it.each(['zenstack/schema.ts', 'src/zenstack/schema.ts', 'packages/db/generated/schema.ts'])('takes the one in %s', (path) => {
    expect(findSchema(project)).toBeUndefined()
    expect(findSchema(dirname(write(path)))).toBe(join(project, path))
    expect(findSchema(project)).toBe(join(project, path))
  })

  it('believes package.json before anything else', () => {
    write('zenstack/schema.ts')
    const elsewhere = write('lib/db/schema.ts')
    write('package.json', JSON.stringify({ zenstack: { output: 'lib/db' } }))
    expect(findSchema(project)).toBe(elsewhere)
    write('package.json', JSON.stringify({ zenstack: { schema: './lib/db/schema.zmodel' } }))
    expect(findSchema(project)).toBe(elsewhere)
  })

  it('takes nothing that ZenStack did not write, nothing of others, and does not choose', () => {
    write('zenstack/schema.ts', 'export const schema = {}')
    write('node_modules/other/schema.ts')
    write('dist/schema.ts')
    expect(findSchema(project)).toBeUndefined()
    write('one/schema.ts')
    write('two/schema.ts')
    expect(() => findSchema(project)).toThrow(/several generated schemas/)
  })
})

describe('the configuration of a project that has none', () => {
  it('is its schema, with what .env and the environment say', async () => {
    const file = write('zenstack/schema.ts')
    write('.env', `DATABASE_URL="postgres://file/db"\nREDIS_URL=redis://file\n`)
    const config = await loadConfig({ directory: project, env: { REDIS_URL: 'redis://set' } })
    expect(config).toMatchObject({ file, schema: { models: { Task: {} } }, database: { url: 'postgres://file/db' }, redis: { url: 'redis://set' } })
  })

  it('is asked for where there is nothing to find', async () => {
    await expect(loadConfig({ directory: project, env: {} })).rejects.toThrow(/Run this where your ZenStack project is/)
    write('schema.zmodel', '')
    await expect(loadConfig({ directory: project, env: {} })).rejects.toThrow(/npx zen generate/)
  })
})
