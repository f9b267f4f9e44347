import type { LiveError } from '@zenstack-live/protocol'
import type { Reader } from './live-query.ts'

const newest = new WeakMap<Reader, symbol>()

/**
 * Lets a reader begin, or go on, when what that needs has come. Meanwhile it may leave, or begin in another way: then what comes of this is
 * nothing, not even its error.
 *
 * @param begin - asks whether it is still wanted before it gives anything
 */
export function beginReader(reader: Reader, begin: (isWanted: () => boolean) => Promise<void>): void {
  const beginning = Symbol('beginning')
  const isWanted = (): boolean => newest.get(reader) === beginning
  newest.set(reader, beginning)
  begin(isWanted).catch((error: unknown) => {
    if (isWanted()) reader.fail(error as LiveError)
  })
}

/** It has begun, has left, or begins in another way. */
export function endBeginning(reader: Reader): void {
  newest.delete(reader)
}
