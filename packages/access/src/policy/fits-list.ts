/**
 * Whether a list that is cast to an array of this type keeps the number as it is: what lies beyond the type makes the statement fail, and
 * fractions are rounded.
 */
export function fitsList(type: string, number: number | bigint): boolean {
  const limit = type === 'Int' ? 2n ** 31n : type === 'BigInt' ? 2n ** 63n : undefined
  if (limit === undefined) return true
  if (typeof number === 'number' && !Number.isSafeInteger(number)) return false
  return number >= -limit && number < limit
}
