import { leadIdentifier, textAt } from '../query.ts'
import type { AppendRequest, NormalItem } from '../store.ts'
import type { Identifier } from '../table-config.ts'

export interface LockName {
  readonly name: string
  readonly isExclusive: boolean
}

/**
 * The locks of one append, for databases in which the append function is not installed. The function takes the same
 * ones, so both kinds of writers can run side by side.
 */
export function appendLocks(request: AppendRequest, identifiers: readonly Identifier[], maxLocks: number): LockName[] {
  const locks = new Map<string, boolean>([['', false]])
  const add = (name: string, isExclusive: boolean): void => void locks.set(name, isExclusive || locks.get(name) === true)
  for (const event of request.events) {
    add(`T:${event.type}`, false)
    for (const { key, lock } of identifiers) {
      const text = textAt(event.data, key)
      if (text !== undefined) add(`I:${key}=${text}`, lock === 'exclusive')
    }
  }
  for (const item of request.condition ?? []) for (const name of itemLocks(item, identifiers)) add(name, true)
  for (const name of request.locks ?? []) add(`P:${name}`, true)
  if (request.idempotencyKey !== undefined) add(`K:${request.idempotencyKey}`, true)
  if (locks.size > maxLocks) return [{ name: '', isExclusive: true }]
  return [...locks].map(([name, isExclusive]) => ({ name, isExclusive }))
}

/** The exclusive locks under which nobody can add to what an item means. */
export function itemLocks(item: NormalItem, identifiers: readonly Identifier[]): string[] {
  const lead = leadIdentifier(item, identifiers)
  if (lead !== undefined) return (item.identifier[lead.key] ?? []).map((value) => `I:${lead.key}=${value}`)
  return item.types === undefined ? [''] : item.types.map((type) => `T:${type}`)
}
