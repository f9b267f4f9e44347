import { compareEntryIds, isEntryId, parseLsn, type EntryId, type Lsn } from '@zenstack-live/protocol'
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
}

/** Of an answer that showed nothing the log does not hold. */
export const NO_HORIZON = 0n as Lsn

const VERSION = '1'

export function encodeTicket(keys: Keys, ticket: Ticket): string {
  const text = [VERSION, ticket.scope, ticket.entry, ticket.horizon.toString(), ticket.follows].join('~')
  return `${text}~${keys.sign('ticket', text)}`
}

/** The ticket, or `undefined` when it is corrupt, forged, or of another query, schema or identity. Never throws. */
export function parseTicket(keys: Keys, scope: string, text: string): Ticket | undefined {
  const end = text.lastIndexOf('~')
  const [version, ticketScope, entry, horizon, follows, ...rest] = text.slice(0, Math.max(end, 0)).split('~')
  if (version !== VERSION || ticketScope !== scope || entry === undefined || horizon === undefined || follows === undefined || rest.length > 0) {
    return undefined
  }
  if (!keys.verify('ticket', text.slice(0, end), text.slice(end + 1)) || !isEntryId(entry)) return undefined
  return { scope, entry, horizon: parseLsn(horizon), follows }
}

/**
 * Whether a reader at `place` misses nothing that the ticket's snapshot did not show.
 * Past the horizon it followed the stream; before the snapshot's own place everything is replayed.
 */
export function isTicketGoodAt(ticket: Ticket, place: Place): boolean {
  return place.lsn >= ticket.horizon || compareEntryIds(place.entry, ticket.entry) <= 0
}
