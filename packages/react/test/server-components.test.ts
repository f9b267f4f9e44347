import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

/* React's server components load a package's entry, and stop where a module says that it is the client's. Next.js itself is tried in scripts/test/next-app.packed.test.ts. */

const SOURCE = new URL('../src/', import.meta.url)
const textOf = (file: string): string => readFileSync(new URL(file, SOURCE), 'utf8')
const isOfClient = (file: string): boolean => textOf(file).startsWith("'use client'\n")

/** Whether it runs something that server components do not have. */
function needsClient(file: string): boolean {
  return /^import \{(?!\s*type\b)[^}]*\} from '(react|@zenstackhq\/tanstack-query\/react)'/m.test(textOf(file))
}

/** The module and all it loads, but for types. */
function loadedBy(file: string): string[] {
  const imports = [...textOf(file).matchAll(/^import (?!type\b)[^']*'\.\/([^']+)'/gm)]
  return [file, ...imports.flatMap(([, other = '']) => loadedBy(other))]
}

describe('a server component', () => {
  it('can load the package: what needs a client says so', () => {
    const files = readdirSync(SOURCE).filter((file) => needsClient(file))
    expect(files).toContain('use-live-key.ts')
    expect(files.filter((file) => !isOfClient(file))).toEqual([])
  })

  it('can prefetch: nothing of that is the client’s', () => {
    expect(loadedBy('prefetch-live-query.ts')).toContain('query-key.ts')
    expect(loadedBy('prefetch-live-query.ts').filter((file) => isOfClient(file) || needsClient(file))).toEqual([])
  })
})
