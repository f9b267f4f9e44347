import { readLsn, type Lsn } from './lsn.ts'

/**
 * How far in the write-ahead log a reader at this position (an `id:` of the stream) has come; `undefined` when it does not say.
 *
 * Positions are otherwise opaque: `<version>~<log>~<epoch>~<entry>~<lsn>~<signature>.<scope>`. This one fact stands open in them, so that a
 * client knows when its own write has arrived. Nothing may be concluded from it about access: only the server checks signatures.
 */
export function positionLsn(position: string | undefined): Lsn | undefined {
  const [version, , , , lsn] = position?.split('~', 6) ?? []
  return version === '1' && lsn !== undefined ? readLsn(lsn) : undefined
}
