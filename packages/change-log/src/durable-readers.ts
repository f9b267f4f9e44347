import type { EntryId } from '@zenstack-live/protocol'

/**
 * Where durable readers stand, kept with the log. Each id has at most one owner at a time: the holder of its newest lease.
 *
 * Every `acquire` that succeeds raises the *fence*. A former owner (paused, cut off) still holds a lower one, and whatever it
 * writes is refused: it cannot acknowledge over its successor. Leases are measured on the log's clock, never on the readers'.
 */
export interface DurableReaders {
  /**
   * Takes the id over when nobody else holds it.
   *
   * @returns the lease, or how long the present owner's lasts unless it is renewed, in milliseconds
   */
  acquire(id: string, options: { owner: string; leaseMs: number }): Promise<ReaderLease | { heldByOwner: string; remainingMs: number }>

  /**
   * Writes the record and renews the lease, in one step.
   *
   * @throws {ChangeLogError} `reader_fenced` when another has taken over, or the id was dropped
   */
  save(lease: ReaderLease, update: ReaderUpdate): Promise<void>

  /** Gives the id up, so that a stand-by need not wait for the lease to run out. Does nothing when fenced. */
  release(lease: ReaderLease): Promise<void>

  list(): Promise<ReaderInfo[]>

  /** Forgets an id: its place, its dead letters. Its owner, if any, is fenced. */
  drop(id: string): Promise<boolean>

  deadLetters(id: string): Promise<DeadLetter[]>

  /** Puts one letter under another id, in one step. @returns whether it was there */
  moveDeadLetter(id: string, key: string, toId: string): Promise<boolean>

  /** Removes one letter. @returns whether it was there */
  removeDeadLetter(id: string, key: string): Promise<boolean>
}

export interface ReaderLease {
  readonly id: string
  readonly owner: string
  readonly leaseMs: number
  /** Rises with every owner. */
  readonly fence: number
  /** What the last owner saved; `undefined` for a new id. */
  readonly record: ReaderRecord | undefined
}

export interface ReaderRecord {
  /** Everything up to here is done. Retention does not pass the lowest of all readers before its hard limit. */
  cursor: EntryId
  /** The reader's own notes, JSON text. */
  state: string
}

export interface ReaderUpdate {
  /** Left out, only the lease is renewed and letters are added. */
  record?: ReaderRecord
  deadLetters?: readonly DeadLetter[]
}

/** An event that was given up, with everything that is needed to handle it later: the log may have forgotten it by then. */
export interface DeadLetter {
  /** Names it within its reader. */
  key: string
  /** JSON text. */
  text: string
}

export interface ReaderInfo {
  id: string
  cursor: EntryId | undefined
  state: string | undefined
  /** `undefined` while nobody holds it. */
  owner: string | undefined
  fence: number
  deadLetters: number
  /** Milliseconds since 1970, on the log's clock. */
  savedAtMs: number | undefined
}
