import { compareEntryIds, isEntryId, parseLsn, type EntryId, type Lsn } from '@zenstack-live/protocol'
import type { Keys } from '../keys.ts'

/**
 * A point of the change log between two entries: everything up to and with `entry` came before it.
 * The hub makes one object per point, so that its text is made and signed once for all connections.
 */
export interface Place {
  readonly entry: EntryId
  /** How far in the write-ahead log the change log reached there. */
  readonly lsn: Lsn
}

/** The earlier of two places. */
export function earlier(a: Place | undefined, b: Place): Place {
  return a === undefined || compareEntryIds(a.entry, b.entry) > 0 ? b : a
}

/** Which log a place belongs to. A recreated log, or a new epoch of it, shares no places with another. */
export interface LogName {
  readonly identity: string
  readonly epoch: number
}

/*
 * A position is  <place>.<scope>
 *   place = 1~<log>~<epoch>~<entry>~<lsn>~<signature>    the same for every connection at this point: signed once
 *   scope = fingerprint of schema and identity, on GET also of the query: a keyed hash, so that it proves itself
 * Joining another's place with one's own scope gains nothing: the answer is made for the scope, and a place says only "from here".
 */
const VERSION = '1'
const LOG_HASH_CHARS = 10

export function encodePlace(keys: Keys, log: LogName, place: Place): string {
  const text = [VERSION, logHash(keys, log), log.epoch, place.entry, place.lsn.toString()].join('~')
  return `${text}~${keys.sign('place', text)}`
}

export function encodePosition(placeText: string, scope: string): string {
  return `${placeText}.${scope}`
}

/**
 * The place of a position, or `undefined` when it is corrupt, forged, of another log or epoch, or of another scope.
 * Nothing that a client sends makes it throw.
 *
 * @param scopes - those it may be bound to; looked at one by one, until it is found
 */
export function parsePosition(keys: Keys, log: LogName, scopes: Iterable<string>, position: string): Place | undefined {
  const dot = position.indexOf('.')
  if (dot < 0 || !isAmong(scopes, position.slice(dot + 1))) return undefined
  const placeText = position.slice(0, dot)
  const end = placeText.lastIndexOf('~')
  const [version, hash, epoch, entry, lsn, ...rest] = placeText.slice(0, end).split('~')
  if (version !== VERSION || entry === undefined || lsn === undefined || rest.length > 0) return undefined
  if (!keys.verify('place', placeText.slice(0, end), placeText.slice(end + 1))) return undefined
  if (hash !== logHash(keys, log) || epoch !== String(log.epoch) || !isEntryId(entry)) return undefined
  return { entry, lsn: parseLsn(lsn) }
}

function isAmong(scopes: Iterable<string>, wanted: string): boolean {
  for (const scope of scopes) if (scope === wanted) return true
  return false
}

/** Of the log that each secret was last used for: there is one, and each place names it. */
const logHashes = new WeakMap<Keys, { identity: string; hash: string }>()

function logHash(keys: Keys, { identity }: LogName): string {
  const known = logHashes.get(keys)
  if (known?.identity === identity) return known.hash
  const hash = keys.sign('place', `log ${identity}`).slice(0, LOG_HASH_CHARS)
  logHashes.set(keys, { identity, hash })
  return hash
}
