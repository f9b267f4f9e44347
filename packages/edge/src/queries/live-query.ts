import type { Engine, QueryId, ResetReason, ResultShape } from '@zenstack-live/protocol'
import type { LiveError, Lsn } from '@zenstack-live/protocol'
import type { PgSnapshot } from '../database/pg-snapshot.ts'
import type { Place } from '../log/place.ts'
import type { Ticket } from '../streams/ticket.ts'
import type { RowEffect, Transaction } from '../log/transaction.ts'
import type { Octets } from '../streams/octets.ts'

/** One question of one identity, kept right for all who asked it. */
export interface LiveQuery {
  /** Names this object in tickets: a reader that comes back to the same process moves over without work. */
  readonly id: string
  readonly engine: Engine
  readonly shape: ResultShape
  /** Tables whose changes concern it, as `schema.table`. */
  readonly tables: ReadonlySet<string>
  /** Whether {@link behind} ever names a point. */
  readonly mayBeBehind: boolean
  /** The point up to which all effects have been given to its readers; `undefined` when that is the head. */
  readonly behind: Place | undefined
  /** Gives a new reader the whole result, then what follows. */
  open(reader: Reader): void
  /** Goes on from a point up to which the reader has everything. Begins anew, after a `reset`, where that cannot be told. */
  resume(reader: Reader, ticket: Ticket, from: Place): void
  /** Goes on after {@link Reader.isFlowing} was false from `from` on, in this process. */
  catchUp(reader: Reader, from: Place): void
  leave(reader: Reader): void
  /**
   * @param effects - those of the transaction that may concern it; none for a query that is asked again
   * @param isKeySetChanged - the transaction changed whom its membership predicates reach
   */
  onTransaction(transaction: Transaction, effects: readonly RowEffect[], isKeySetChanged: boolean): void
  /** Continuity ended: every reader begins anew. */
  onReset(reason: ResetReason): void
}

/** One query of one connection. */
export interface Reader {
  readonly q: QueryId
  /** False while nothing may be written to it: opening, stalled, identity in doubt. */
  isFlowing: boolean
  /** Transactions that its snapshot showed are not told again, until the log has passed the horizon, and it was given what followed. */
  seen: { readonly snapshot: PgSnapshot; readonly horizon: Lsn } | undefined
  /** The log may have passed the horizon. */
  forgetSeen(): void
  /** It went on from a place: its id may lie behind what it was given, so until it is given the whole it may hold any state since. */
  mayBeAhead: boolean
  /** Of the shared answer it holds; `undefined` when not known. */
  version: number | undefined
  /** Whether an answer can be for who it belongs to: they may have been another when it was made, for whoever else had asked. */
  mayTake(snapshot: PgSnapshot): boolean
  /** Whether who it belongs to may have been another at some time within these, while it was away: what they could read then, nobody can tell by who they are now. */
  wasAnother(transactions: readonly Transaction[]): boolean
  /** Adds a block to the connection's next write. */
  push(block: Octets): void
  /** The result is there: sends `ready`. No id passes the horizon's log place before the log does. */
  ready(at: Place, horizon: Lsn, live: LiveQuery): void
  /** A snapshot follows that replaces what it holds; until then it keeps it. */
  wait(): void
  /** What it holds is worth nothing; a snapshot follows. */
  reset(reason: ResetReason): void
  /** Leaves its query, and begins anew with the one that answers now. */
  reopen(reason: ResetReason): void
  fail(error: LiveError): void
}
