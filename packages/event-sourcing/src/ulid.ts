const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const TIME_CHARACTERS = 10
const RANDOM_BYTES = 10
const MAX_TIME_MS = 2 ** 48

/**
 * Makes ULIDs that always rise within this generator, also when the clock stands still or goes back.
 * Order between processes comes from `position`, never from ids.
 *
 * @see https://github.com/ulid/spec
 */
export function createUlidGenerator(
  now: () => number = Date.now,
  fillRandom: (bytes: Uint8Array<ArrayBuffer>) => void = (bytes) => void crypto.getRandomValues(bytes),
): () => string {
  let lastTimeMs = -1
  const random = new Uint8Array(RANDOM_BYTES)
  return () => {
    const timeMs = now()
    if (timeMs > lastTimeMs) {
      lastTimeMs = timeMs
      fillRandom(random)
    } else if (!increment(random)) {
      // 2^80 ids in one millisecond do not happen; a random part of all ones does not stop us either.
      lastTimeMs += 1
      fillRandom(random)
    }
    return encodeTime(lastTimeMs) + encodeRandom(random)
  }
}

/** The generator that all clients of this process share. */
export const nextUlid: () => string = createUlidGenerator()

function increment(bytes: Uint8Array): boolean {
  for (let index = bytes.length - 1; index >= 0; index--) {
    const value = bytes[index] ?? 0
    bytes[index] = (value + 1) & 0xff
    if (value !== 0xff) return true
  }
  return false
}

function encodeTime(timeMs: number): string {
  if (!Number.isInteger(timeMs) || timeMs < 0 || timeMs >= MAX_TIME_MS) throw new RangeError(`${timeMs} ms is not a time that a ULID can hold.`)
  let rest = timeMs
  let text = ''
  for (let index = 0; index < TIME_CHARACTERS; index++) {
    text = ALPHABET.charAt(rest % 32) + text
    rest = Math.floor(rest / 32)
  }
  return text
}

function encodeRandom(bytes: Uint8Array): string {
  let text = ''
  let bits = 0
  let bitCount = 0
  for (const byte of bytes) {
    bits = (bits << 8) | byte
    bitCount += 8
    while (bitCount >= 5) {
      bitCount -= 5
      text += ALPHABET.charAt((bits >> bitCount) & 31)
    }
    bits &= (1 << bitCount) - 1
  }
  return text
}
