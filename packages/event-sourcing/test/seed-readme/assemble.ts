import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const BLOCKS = fileURLToPath(new URL('blocks.md', import.meta.url))
const SOURCE = fileURLToPath(new URL('../../src/index.ts', import.meta.url))

/** What the README leaves out of each file: imports of what stands in the files next to it. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  'events/index.ts': `import { AppEventTypes } from '../eventTypes'\nimport type { AppEventBase } from '../eventBase'\nexport { AppEventTypes }\n`,
  'eventBase.ts': `import type { AppEventTypes } from './eventTypes'\n`,
  'projections/base.ts': `import type { EventClient } from '${SOURCE}'\nimport type { AppEvent, AppEventTypes } from '../events'\n`,
  'reducers/to.userId.ts': `import { AppEventTypes, type AppEvent } from '../events'\n`,
  'reducers/to.isCheckedOut.ts': `import { AppEventTypes, type AppEvent } from '../events'\n`,
  'projections/cart.projection.ts': `import { AppEventTypes } from '../events'\nimport { getEventClient } from '../client'\n`,
  'writing.ts': `import { getEventClient } from './client'\nimport { AppEventTypes } from './eventTypes'\n`,
  'validating.ts': `import { getEventClient } from './client'\nimport { AppEventTypes } from './eventTypes'\nimport { CartProjection } from './projections/cart.projection'\nconst client = getEventClient()\nexport const run = async (cartId: string): Promise<void> => {\n`,
}
const CLOSING: Readonly<Record<string, string>> = { 'validating.ts': '\n}\n' }

/** Files that the README takes for granted. */
const TAKEN_FOR_GRANTED: Readonly<Record<string, string>> = {
  'types.ts': 'export type CartItem = { productId: string; quantity: number; priceAtTime: number }\n',
  'db.ts': `import { drizzle } from 'drizzle-orm/postgres-js'\nimport postgres from 'postgres'\nexport const sqlClient = postgres(process.env['SEED_README_URL'] ?? '', { onnotice: () => {} })\nexport const db = drizzle(sqlClient)\n`,
  'tsconfig.json': JSON.stringify({
    compilerOptions: {
      strict: true,
      noEmit: true,
      target: 'ES2024',
      module: 'ESNext',
      moduleResolution: 'bundler',
      skipLibCheck: true,
      allowImportingTsExtensions: true,
      types: ['node'],
    },
    include: ['**/*.ts'],
  }),
}

/** Writes the README's files to a folder, each block unchanged but for the package's name. */
export function assembleReadme(folder: string): { folder: string; blockCount: number } {
  rmSync(folder, { recursive: true, force: true })
  const blocks = [...readFileSync(BLOCKS, 'utf8').matchAll(/```typescript\n(.*?)```/gs)].map(([, code = '']) => code)
  const statements = ['writing.ts', 'validating.ts']
  for (const block of blocks) {
    for (const [name, code] of filesOf(block, statements)) {
      const named = code.replaceAll(`'@status-machina/drizzle-pg-pattern'`, `'${SOURCE}'`)
      write(join(folder, name), `${LEFT_OUT[name] ?? ''}${named}${CLOSING[name] ?? ''}`)
    }
  }
  for (const [name, text] of Object.entries(TAKEN_FOR_GRANTED)) write(join(folder, name), text)
  return { folder, blockCount: blocks.length }
}

/** A block holds one file or several, each after a comment with its name; without one it holds statements. */
function filesOf(block: string, statementNames: string[]): [name: string, code: string][] {
  const parts = block.split(/^\/\/ ([\w./]+\.ts)$/m)
  if (parts.length === 1) return [[statementNames.shift() ?? 'more.ts', block]]
  return parts.flatMap((name, index): [string, string][] => (index % 2 === 1 ? [[name, parts[index + 1] ?? '']] : []))
}

function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}
