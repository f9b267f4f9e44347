import { ProtocolError } from './errors.ts'
import type { Lsn } from './lsn.ts'

/**
 * A place in the change log: `<major>-<minor>`, two unsigned 64-bit decimal numbers, as Redis Streams write them.
 * Opaque and ordered: compare with {@link compareEntryIds}, never as a JavaScript number.
 *
 * @see https://redis.io/docs/latest/develop/data-types/streams/#entry-ids
 */
export type EntryId = string & { readonly [entryIdBrand]: true }
declare const entryIdBrand: unique symbol

const PATTERN = /^(0|[1-9]\d{0,19})-(0|[1-9]\d{0,19})$/
const U64_MAX = (1n << 64n) - 1n

/** Before every entry. A literal, not parsed: a bundler cannot drop a call that it finds at a module's top. */
export const FIRST_ENTRY_ID: EntryId = '0-0' as EntryId

/**
 * Reads an entry id.
 *
 * @throws {ProtocolError} `bad_position` when the text is not two unsigned 64-bit decimals joined by `-`.
 */
export function parseEntryId(text: string): EntryId {
  if (!isEntryId(text)) throw new ProtocolError('bad_position', `"${text.slice(0, 64)}" is not an entry id such as "1700000000000-0".`)
  return text
}

export function isEntryId(text: string): text is EntryId {
  const parts = PATTERN.exec(text)
  if (parts === null) return false
  return [parts[1], parts[2]].every((part) => part !== undefined && (part.length < 20 || BigInt(part) <= U64_MAX))
}

/** Bits of an id's major half that hold the LSN; 4 PiB of WAL fit. The epoch stands above them. */
const LSN_BITS = 52n
const MAX_EPOCH = 4095

/**
 * The id our capture gives: `(epoch << 52 | lsn)-<minor>`. Rows of a commit count from 1; marks are 0, so both fit at one LSN.
 *
 * @param epoch - 1…4095; 0 belongs to logs whose ids are clock times (Debezium's)
 * @throws {ProtocolError} `bad_position` when the epoch or the LSN is out of range.
 */
export function makeEntryId(epoch: number, lsn: Lsn, minor: number): EntryId {
  return `${entryIdMajor(epoch, lsn)}-${minor}` as EntryId
}

/** The first half of {@link makeEntryId}, for writers that number many rows of one commit. */
export function entryIdMajor(epoch: number, lsn: Lsn): string {
  if (!Number.isInteger(epoch) || epoch < 1 || epoch > MAX_EPOCH || lsn >> LSN_BITS !== 0n) {
    throw new ProtocolError('bad_position', `Epoch ${epoch} with LSN ${lsn} does not fit an entry id (epochs are 1 to ${MAX_EPOCH}).`)
  }
  return ((BigInt(epoch) << LSN_BITS) | lsn).toString()
}

/** The epoch an id belongs to; 0 for ids that are clock times. */
export function epochOfEntryId(id: EntryId): number {
  return Number(BigInt(id.slice(0, id.indexOf('-'))) >> LSN_BITS)
}

/** Negative when `a` comes first, 0 when equal, positive when `b` comes first. */
export function compareEntryIds(a: EntryId, b: EntryId): number {
  if (a === b) return 0
  const [aSplit, bSplit] = [a.indexOf('-'), b.indexOf('-')]
  // Nearly always: digit stands against digit.
  if (aSplit === bSplit && a.length === b.length) return a < b ? -1 : 1
  return compareDecimals(a.slice(0, aSplit), b.slice(0, bSplit)) || compareDecimals(a.slice(aSplit + 1), b.slice(bSplit + 1))
}

/** Decimals without leading zeros: the longer is the greater. */
function compareDecimals(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length
  return a < b ? -1 : a > b ? 1 : 0
}
