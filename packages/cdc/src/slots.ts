import { DEFAULT_CAPTURE_NAME } from './capture-name.ts'
import { createDatabase, type Query } from './database/query.ts'
import { checkSlotName, createSlot, dropSlot, isSlotLost, readSlot, type SlotFacts } from './database/slot.ts'
import { CaptureError } from './errors.ts'
import { requireSlot } from './require-slot.ts'

export interface SlotTarget {
  url: string
  /** @defaultValue `zenstack_live` */
  slot?: string
}

/** The slot of a capture, or `undefined` when there is none. */
export function showSlot(target: SlotTarget): Promise<SlotFacts | undefined> {
  return withDatabase(target, readSlot)
}

/**
 * Makes the slot, unless there is one that can be read from.
 *
 * @returns whether it is new
 */
export function makeSlot(target: SlotTarget): Promise<boolean> {
  return withDatabase(target, async (query, name) => {
    const slot = await readSlot(query, name)
    if (slot !== undefined && !isSlotLost(slot)) return false
    await requireSlot(query, name)
    if (slot !== undefined) await dropSlot(query, name)
    await createSlot(query, name)
    return true
  })
}

/**
 * Drops the slot, and with it the WAL it holds back. The next capture begins a new epoch.
 *
 * @returns whether there was one
 * @throws {CaptureError} when a capture reads from it
 */
export function removeSlot(target: SlotTarget): Promise<boolean> {
  return withDatabase(target, async (query, name) => {
    const slot = await readSlot(query, name)
    if (slot === undefined) return false
    if (slot.isActive) throw new CaptureError(`A capture (server process ${slot.activePid ?? 0}) reads from the slot "${name}". Stop it first.`)
    await dropSlot(query, name)
    return true
  })
}

async function withDatabase<T>({ url, slot }: SlotTarget, work: (query: Query, name: string) => Promise<T>): Promise<T> {
  const name = checkSlotName(slot ?? DEFAULT_CAPTURE_NAME)
  const database = createDatabase(url)
  try {
    return await work(database.query, name)
  } finally {
    await database.close()
  }
}
