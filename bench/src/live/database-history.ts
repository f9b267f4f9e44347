import { EVERYBODY, type DatabaseState } from './observed-commits.ts'
import { createReadableHistory, type ReadableHistory, type State } from './readable-history.ts'
import type { UserId } from './studio.ts'

/** 52 bits below the epoch. */
const LSN_MASK = (1n << 52n) - 1n

/** What there was, and what each person could read of it, commit by commit. */
export interface DatabaseHistory {
  readonly last: State
  /** The one that follows. */
  note(state: DatabaseState): void
  /** The state after an entry. A mark (0 behind the dash) may lie before the commit that made the next state: -1 before the first. */
  stateOf(entry: string): State
  /** The same, but where a mark may lie behind a commit, it does. */
  lastStateOf(entry: string): State
  of(user: UserId): ReadableHistory
  /** Whoever may read it. */
  readonly all: ReadableHistory
}

export function createDatabaseHistory(): DatabaseHistory {
  /** Where the log ended in each state. */
  const ends: bigint[] = []
  const histories = new Map<UserId, ReadableHistory>(EVERYBODY.map((user) => [user, createReadableHistory()]))
  const all = createReadableHistory()
  const lastStateOf = (entry: string): State => {
    const lsn = lsnOf(entry)
    const next = ends.findIndex((end) => end >= lsn)
    return next < 0 ? ends.length - 1 : next
  }
  return {
    get last() {
      return ends.length - 1
    },
    note(state) {
      ends.push(state.end)
      for (const [user, rows] of state.rows) histories.get(user)?.note(ends.length - 1, rows)
      all.note(ends.length - 1, state.all)
    },
    stateOf(entry) {
      const state = lastStateOf(entry)
      return entry.endsWith('-0') && ends[state] !== lsnOf(entry) ? state - 1 : state
    },
    lastStateOf,
    of: (user) => histories.get(user) ?? createReadableHistory(),
    all,
  }
}

function lsnOf(entry: string): bigint {
  return BigInt(entry.split('-')[0] ?? 0) & LSN_MASK
}
