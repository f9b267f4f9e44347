import { join } from 'node:path'
import { schema } from '@zenstack-live/testing/workspace'
import { describe, expect, it } from 'vitest'
import { pasteLines } from '../src/dev/paste-lines.ts'

describe('the lines to paste', () => {
  const directory = join(import.meta.dirname, 'project')
  const importOf = (schemaFile: string | undefined): string | undefined =>
    pasteLines({ schema, schemaFile, directory, hasRedis: false, base: '/api/live' })
      .flatMap(({ lines }) => lines)
      .map((line) => /'(\.[^']*schema-lite)'/.exec(line)?.[1])
      .find((found) => found !== undefined)

  it.each([
    ['in a folder of it', join(directory, 'src', 'zenstack', 'schema.ts'), './src/zenstack/schema-lite'],
    ['in the project itself', join(directory, 'schema.ts'), './schema-lite'],
    ['where a configuration says', undefined, './zenstack/schema-lite'],
  ])('import the schema that is %s', (_where, schemaFile, expected) => {
    expect(importOf(schemaFile)).toBe(expected)
  })
})
