import type { EntryId } from '@zenstack-live/protocol'

/**
 * Where durable readers stand, kept with the log. Each id has at most one owner at a time: the holder of its newest lease.
 *
 * Every `acquire` that succeeds raises the *fence*. A former owner (paused, cut off) still holds a lower one, and whatever it
 * writes is refused: it cannot acknowledge over its successor. Leases are measured on the log's clock, never on the readers'.
 */
export interface DurableReaders {
  /**
   * Gives each of these ids that has no place yet this one, all in one step.
   *
   * @param replaced - ids that divided the same work before: they are dropped in the same step, their letters go to their heirs
   * @returns whether it was done; not while one of the replaced is held, or has another fence than its caller saw
   */
  place(ids: readonly string[], record: ReaderRecord, replaced?: readonly ReplacedReader[]): Promise<boolean>

  /**
   * Takes the id over when nobody else holds it, or who holds it does so in a log that lost what the caller knows.
   *
   * @returns the lease, or whose lease it is
   */
  acquire(id: string, options: AcquireOptions): Promise<ReaderLease | HeldReader>

  /**
   * Writes the record and renews the lease, in one step.
   *
   * @throws {ChangeLogError} `reader_fenced` when another has taken over, or the id was dropped, or the log lost it
   */
  save(lease: ReaderLease, update: ReaderUpdate): Promise<SaveReport>

  /** Gives the id up, so that a stand-by need not wait for the lease to run out. Does nothing when fenced. */
  release(lease: ReaderLease): Promise<void>

  list(): Promise<ReaderInfo[]>

  /** Forgets ids in one step: their places, their dead letters. Their owners, if any, are fenced. @returns whether one was there */
  drop(ids: readonly string[]): Promise<boolean>

  /** Oldest first. */
  deadLetters(id: string): Promise<DeadLetter[]>

  countDeadLetters(id: string): Promise<number>

  /** Puts one letter under another id, in one step. @returns whether it was there */
  moveDeadLetter(id: string, key: string, toId: string): Promise<boolean>

  /** Removes one letter. @returns whether it was there */
  removeDeadLetter(id: string, key: string): Promise<boolean>
}

/**
 * Tells whether a log still has what it once said of an id. Where it lost it, or came back from a copy, the id is born again later, or its
 * fence is lower. Who knows the elder life is right.
 */
export interface ReaderLineage {
  /** When the log first heard of the id, on the log's clock; 0 where it cannot be lost. Outlives a drop by a day. */
  readonly bornMs: number
  /** Rises with every owner. */
  readonly fence: number
}

export interface AcquireOptions {
  owner: string
  leaseMs: number
  /** What the caller last saw of this id. @defaultValue nothing */
  known?: ReaderLineage | undefined
}

/** Somebody else's lease. */
export interface HeldReader extends ReaderLineage {
  heldByOwner: string
  /** Unless it is renewed, in milliseconds. */
  remainingMs: number
  cursor: EntryId | undefined
}

/** An id whose work others take over. */
export interface ReplacedReader {
  id: string
  fence: number
  /** Who gets its dead letters. */
  heir: string
}

export interface ReaderLease extends ReaderLineage {
  readonly id: string
  readonly owner: string
  readonly leaseMs: number
  /** What the last owner saved; `undefined` for a new id. */
  readonly record: ReaderRecord | undefined
  /** The log did not have what the caller knew: `record` is missing, or older, or of another life. The lease goes on from what was known. */
  readonly isLost: boolean
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
  /** Letters that the id may have; beyond it the oldest are let go, and counted. @defaultValue 10,000 */
  maxDeadLetters?: number
}

export interface SaveReport {
  /** Dead letters that this save let go. */
  lettersLost: number
}

/** An event that was given up, with everything that is needed to handle it later: the log may have forgotten it by then. */
export interface DeadLetter {
  /** Names it within its reader. */
  key: string
  /** JSON text. */
  text: string
}

export interface ReaderInfo extends ReaderLineage {
  id: string
  cursor: EntryId | undefined
  state: string | undefined
  /** `undefined` while nobody holds it. */
  owner: string | undefined
  deadLetters: number
  /** Dead letters that were let go because there were too many. */
  lettersLost: number
  /** Milliseconds since 1970, on the log's clock. */
  savedAtMs: number | undefined
}
