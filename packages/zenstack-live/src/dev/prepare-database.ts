import { setUpCapture, type CaptureProblem, type ProblemKind } from '@zenstack-live/cdc'
import { preparedSlot, readCaptured, type CaptureTarget } from '../capture-target.ts'
import { inspectDatabase } from '../inspect-database.ts'
import type { LoadedConfig } from '../load-config.ts'

/** What setting up, or the capture itself, mends. */
const MENDED: ReadonlySet<ProblemKind> = new Set([
  'publication_missing',
  'publication_table',
  'publication_options',
  'replica_identity',
  'slot_missing',
  'slot_lost',
])
/** What keeps one model from being live, and the others not. */
const ONE_TABLE: ReadonlySet<ProblemKind> = new Set(['table_missing', 'table_kind', 'table_key'])

/** What stands between a database and its changes. */
export interface DatabasePlan {
  /** `database "app", Postgres 17.2`; `undefined` when it was not reached. */
  server: string | undefined
  /** With one of these nothing can be live. */
  obstacles: CaptureProblem[]
  /** Models that cannot be. */
  refused: CaptureProblem[]
  /** What has to be run; `run` runs it. */
  statements: string[]
  run(): Promise<void>
}

/** Looks, and changes nothing. */
export async function planDatabase(config: LoadedConfig, target: CaptureTarget): Promise<DatabasePlan> {
  const alone = await inspectDatabase(config, target, [])
  if (alone.server === undefined) return { server: undefined, obstacles: alone.problems, refused: [], statements: [], run: async () => {} }
  const { tables } = await readCaptured(config, target.url)
  const { server = alone.server, problems } = await inspectDatabase(config, target, tables)
  const wrong = problems.filter(({ severity, kind }) => severity === 'error' && !MENDED.has(kind))
  const refused = wrong.filter(({ kind }) => ONE_TABLE.has(kind))
  const obstacles = wrong.filter(({ kind }) => !ONE_TABLE.has(kind))
  if (tables.length === 0 || refused.length === tables.length) obstacles.push(noTables())
  const prepared = { ...target, slot: preparedSlot(config, target), tables }
  const { statements } = obstacles.length > 0 ? { statements: [] } : await setUpCapture({ ...prepared, isDryRun: true })
  return {
    server: `database "${server.database}", Postgres ${server.version}`,
    obstacles,
    refused,
    statements,
    async run() {
      await setUpCapture(prepared)
    },
  }
}

/** Nothing of a project is there yet. */
export function noTables(): CaptureProblem {
  const message = 'None of the models has a table in this database.'
  return { kind: 'table_missing', severity: 'error', message, cure: 'Push the schema to it: `npx zen db push`, or run its migrations.' }
}
