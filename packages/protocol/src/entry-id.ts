import { ProtocolError } from './errors.ts'

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

/** Before every entry. */
export const FIRST_ENTRY_ID: EntryId = parseEntryId('0-0')

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

/** Negative when `a` comes first, 0 when equal, positive when `b` comes first. */
export function compareEntryIds(a: EntryId, b: EntryId): number {
  if (a === b) return 0
  const [aSplit, bSplit] = [a.indexOf('-'), b.indexOf('-')]
  return compareDecimals(a.slice(0, aSplit), b.slice(0, bSplit)) || compareDecimals(a.slice(aSplit + 1), b.slice(bSplit + 1))
}

/** Decimals without leading zeros: the longer is the greater. */
function compareDecimals(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length
  return a < b ? -1 : a > b ? 1 : 0
}
