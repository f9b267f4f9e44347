import type { Query } from './database/query.ts'
import { isSlotLost, readSlot } from './database/slot.ts'
import { CaptureError } from './errors.ts'
import { readServer, serverProblems } from './inspect.ts'

/**
 * Looks whether the slot is there, or can be made.
 *
 * @throws {CaptureError} for what the server or the role lacks, with its cure
 */
export async function requireSlot(query: Query, name: string): Promise<void> {
  const slot = await readSlot(query, name)
  if (slot !== undefined && !isSlotLost(slot)) return
  const problem = serverProblems(await readServer(query), slot).find(({ severity }) => severity === 'error')
  if (problem !== undefined) throw CaptureError.of(problem)
}
