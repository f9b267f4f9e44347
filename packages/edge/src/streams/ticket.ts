import { SORT_ENCODING } from '@zenstack-live/access'
import { CHANGES_SEGMENT, compareEntryIds, isEntryId, parseLsn, type Engine, type EntryId, type Lsn, type WireQuery } from '@zenstack-live/protocol'
import type { Keys } from '../keys.ts'
import type { Place } from '../log/place.ts'

/**
 * What a client proves when it wants to go on with a query: which question it was, asked as whom, and from which snapshot.
 */
export interface Ticket {
  /** Fingerprint of the query, the schema and the identity: a keyed hash. */
  scope: string
  /** The snapshot shows everything up to here, and perhaps some of what follows. */
  entry: EntryId
  /** Once the log has passed this, it holds everything that the snapshot showed. */
  horizon: Lsn
  /** Which shared answer of which process it follows, for moving over without asking the database. */
  follows: string
  /** How the places of its rows are told, as of {@link orderOf}. */
  order: string
}

/** Of an answer that showed nothing the log does not hold. */
export const NO_HORIZON = 0n as Lsn

/** Places of rows are told by their index, or there are none. */
const BY_INDEX = ''

/** All that a client may hold and go on with. */
export const ORDERS: readonly string[] = [BY_INDEX, SORT_ENCODING]

const VERSION = '2'

/**
 * How the places of rows are told: where memory goes on with what the database placed, a new row would find no place among the others. Changes have
 * no places.
 */
export function orderOf(engine: Engine, operation: WireQuery['operation']): string {
  return engine === 'incremental' && operation !== CHANGES_SEGMENT ? SORT_ENCODING : BY_INDEX
}

export function encodeTicket(keys: Keys, ticket: Ticket): string {
  const text = [VERSION, ticket.scope, ticket.entry, ticket.horizon.toString(), ticket.follows, ticket.order].join('~')
  return `${text}~${keys.sign('ticket', text)}`
}

/** The ticket, or `undefined` when it is corrupt, forged, or of another query, schema or identity. Never throws. */
export function parseTicket(keys: Keys, scope: string, text: string): Ticket | undefined {
  const end = text.lastIndexOf('~')
  const [version, ticketScope, entry, horizon, follows, order, ...rest] = text.slice(0, Math.max(end, 0)).split('~')
  if (version !== VERSION || ticketScope !== scope || rest.length > 0) return undefined
  if (entry === undefined || horizon === undefined || follows === undefined || order === undefined) return undefined
  if (!keys.verify('ticket', text.slice(0, end), text.slice(end + 1)) || !isEntryId(entry)) return undefined
  return { scope, entry, horizon: parseLsn(horizon), follows, order }
}

/**
 * Whether a reader at `place` misses nothing that the ticket's snapshot did not show.
 * Past the horizon it followed the stream; before the snapshot's own place everything is replayed.
 */
export function isTicketGoodAt(ticket: Ticket, place: Place): boolean {
  return place.lsn >= ticket.horizon || compareEntryIds(place.entry, ticket.entry) <= 0
}
