import { ProtocolError } from './errors.ts'

/**
 * A place in the write-ahead log of Postgres, in bytes from its beginning; compares with `<`.
 *
 * @see https://www.postgresql.org/docs/current/datatype-pg-lsn.html
 */
export type Lsn = bigint & { readonly [lsnBrand]: true }
declare const lsnBrand: unique symbol

const U64_MAX = (1n << 64n) - 1n

/**
 * Reads an LSN as Postgres prints it (`16/B374D848`) or as a decimal number of bytes.
 *
 * @throws {ProtocolError} `bad_position` when it is neither.
 */
export function parseLsn(text: string): Lsn {
  const lsn = readLsn(text)
  if (lsn === undefined) throw new ProtocolError('bad_position', `"${text.slice(0, 64)}" is not an LSN such as "16/B374D848".`)
  return lsn
}

/** As {@link parseLsn}, for those who can do without: `undefined` when the text is neither. */
export function readLsn(text: string): Lsn | undefined {
  const hex = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(text)
  if (hex !== null) return ((BigInt(`0x${hex[1]}`) << 32n) | BigInt(`0x${hex[2]}`)) as Lsn
  return /^\d{1,20}$/.test(text) && BigInt(text) <= U64_MAX ? (BigInt(text) as Lsn) : undefined
}

/** The LSN as Postgres prints it, such as `16/B374D848`. */
export function formatLsn(lsn: Lsn): string {
  return `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xffff_ffffn).toString(16).toUpperCase()}`
}
