import type { Frame, QueryId, ResultOperation } from '@zenstack-live/protocol'
import type { State } from './readable-history.ts'

/*
 * A row that changes or leaves, or that was deleted, is told of by its key, and only to a query that had it. What a query had is what it was
 * given: in a snapshot or as a row that entered, on this connection, or on an earlier one of the same client where it went on from
 * there. Going on, rows go as well that came and went while nobody listened: those the reader must have been able to read since.
 */

export interface KeyTraceOptions {
  stateOf(entry: string): State
  /** Whether somebody could read this row in one of these states, both included. Keys of all models differ. */
  wasReadable(key: string, from: State, to: State): boolean
}

/** Follows what one person was told on one client, answer by answer. */
export interface KeyTrace {
  /** Another connection begins. */
  begin(): void
  /** @returns keys that were told of a row that the query never had */
  foreignKeysIn(frame: Frame): string[]
  /** Of when the query is told since it began, or went on, on this connection. */
  sinceOf(q: QueryId): State | undefined
}

interface Followed {
  readonly since: State
  readonly keys: Set<string>
  /** It went on from an earlier connection. */
  readonly isResumed: boolean
}

export function createKeyTrace({ stateOf, wasReadable }: KeyTraceOptions): KeyTrace {
  /** All that was ever given. */
  const given = new Map<QueryId, Set<string>>()
  const followed = new Map<QueryId, Followed>()

  const give = (q: QueryId, into: Set<string>, key: string): void => {
    into.add(key)
    given.set(q, (given.get(q) ?? new Set()).add(key))
  }
  const isForeign = (q: QueryId, at: State, operation: ResultOperation): boolean => {
    const known = followed.get(q)
    if (operation.op === 'value') return false
    if (known === undefined) return true
    if (operation.op === 'enter') give(q, known.keys, operation.key)
    if (operation.op !== 'leave') return !known.keys.has(operation.key)
    if (known.keys.delete(operation.key)) return false
    return !known.isResumed || !wasReadable(operation.key, known.since, at)
  }

  return {
    begin: () => followed.clear(),
    sinceOf: (q) => followed.get(q)?.since,
    foreignKeysIn(frame) {
      if (frame.event === 'snapshot') {
        const known = followed.get(frame.q)
        const keys = frame.part === 0 || known === undefined ? new Set<string>() : known.keys
        if (frame.shape !== 'value') for (const { key } of frame.rows) give(frame.q, keys, key)
        followed.set(frame.q, { since: known?.since ?? stateOf(frame.at), keys, isResumed: false })
      } else if (frame.event === 'ready' && !followed.has(frame.q)) {
        followed.set(frame.q, { since: stateOf(frame.at), keys: new Set(given.get(frame.q)), isResumed: true })
      } else if (frame.event === 'change') {
        const at = stateOf(frame.at)
        return frame.ops.flatMap((operation) => (isForeign(frame.q, at, operation) && 'key' in operation ? [operation.key] : []))
      } else if (frame.event === 'changes') {
        const { since = Number.POSITIVE_INFINITY } = followed.get(frame.q) ?? {}
        const deleted = frame.changes.flatMap((change) =>
          change.type === 'deleted' ? Object.values(Object(change.deleted) as object).map(String) : [],
        )
        return deleted.filter((key) => key !== 'null' && !wasReadable(key, since, stateOf(frame.at)))
      }
      return []
    },
  }
}
