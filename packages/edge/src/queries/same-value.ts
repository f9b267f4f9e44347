/** Whether two values of a result are the same to a reader: dates, decimals and bytes by value, objects field by field. */
export function isSameValue(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (a instanceof Date) return b instanceof Date && Object.is(a.getTime(), b.getTime())
  if (a instanceof Uint8Array) return b instanceof Uint8Array && Buffer.compare(a, b) === 0
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, index) => isSameValue(item, b[index]))
  if (Array.isArray(b)) return false
  if (isDecimal(a)) return isDecimal(b) && a.toJSON() === b.toJSON()
  return isSameObject(a, b)
}

function isSameObject(a: object, b: object): boolean {
  const aFields = Object.entries(a)
  if (aFields.length !== Object.keys(b).length) return false
  return aFields.every(([name, value]) => Object.hasOwn(b, name) && isSameValue(value, Reflect.get(b, name)))
}

/** By its tag, as ZenStack's serializer does: two copies of decimal.js must still work. */
function isDecimal(value: object): value is { toJSON(): string } {
  return Reflect.get(value, 'toStringTag') === '[object Decimal]'
}
