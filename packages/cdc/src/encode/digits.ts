const ZERO = 48
/** Up to here numbers fit into 32 bits, by which division is cheap. */
const BILLION = 1_000_000_000

/** How many decimal digits a safe integer has that is not negative; 0 for what is none. */
export function digitsOf(value: number): number {
  if (!(value >= 0)) return 0
  let digits = 1
  for (let bound = 10; value >= bound; bound *= 10) digits++
  return digits
}

/** Writes the decimal digits of a safe integer that is not negative. @returns the place after them */
export function writeDigits(bytes: Uint8Array, start: number, value: number): number {
  const end = start + digitsOf(value)
  let [at, rest] = [end, value]
  while (rest >= BILLION) {
    const high = Math.floor(rest / BILLION)
    writePart(bytes, at - 9, at, rest - high * BILLION)
    at -= 9
    rest = high
  }
  writePart(bytes, start, at, rest)
  return end
}

function writePart(bytes: Uint8Array, start: number, end: number, value: number): void {
  let rest = value | 0
  for (let at = end - 1; at >= start; at--) {
    const next = (rest / 10) | 0
    bytes[at] = ZERO + rest - next * 10
    rest = next
  }
}
