import { inspectCapture, type CapturedTable, type CaptureInspection, type CaptureProblem } from '@zenstack-live/cdc'
import type { CaptureTarget } from './capture-target.ts'
import type { LoadedConfig } from './load-config.ts'

/** What only our own capture needs. */
const OF_CAPTURE: ReadonlySet<CaptureProblem['kind']> = new Set([
  'slot_missing',
  'slot_lost',
  'slot_foreign',
  'replication_slots',
  'replication_role',
])

/** What stands between a project and the changes of its database. Changes nothing. */
export async function inspectDatabase(config: LoadedConfig, target: CaptureTarget, tables: readonly CapturedTable[]): Promise<CaptureInspection> {
  const inspection = await inspectCapture({ ...target, tables })
  return config.capture === false ? withoutCapture(inspection) : inspection
}

/**
 * Where another program captures, it does so with a role and a slot of its own. A slot of our name that nobody reads was left over, and
 * holds WAL back for ever.
 */
function withoutCapture(inspection: CaptureInspection): CaptureInspection {
  const { slot } = inspection
  const problems = inspection.problems.filter(({ kind }) => !OF_CAPTURE.has(kind))
  if (slot === undefined || slot.isActive || inspection.problems.some(({ kind }) => kind === 'slot_foreign')) return { ...inspection, problems }
  const leftOver: CaptureProblem = {
    kind: 'slot_retention',
    severity: 'warning',
    message: `Nobody reads the slot "${slot.name}", and with \`capture: false\` this project will not: it holds WAL back for ever.`,
    cure: 'Run `zenstack-live slot drop --yes`; or start what is to read it, such as `zenstack-live cdc`.',
  }
  return { ...inspection, problems: [...problems, leftOver] }
}
