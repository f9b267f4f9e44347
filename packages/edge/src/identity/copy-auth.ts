/**
 * What `auth()` holds at this moment, plain objects and arrays copied to any depth: an application may go on to change its session in place,
 * and an identity is shared by all who are equal to it. Anything else is a value and kept as it is (`Date`, `Decimal`, bytes, instances of
 * the application's own classes).
 */
export function copyAuth<Auth>(auth: Auth): Auth {
  // A copy has the type of what it was made from.
  return copyOf(auth, new Map()) as Auth
}

/** @param copies - made so far: sessions may refer to themselves */
function copyOf(value: unknown, copies: Map<object, object>): unknown {
  if (typeof value !== 'object' || value === null) return value
  const known = copies.get(value)
  if (known !== undefined) return known
  if (Array.isArray(value)) {
    const items: unknown[] = []
    copies.set(value, items)
    for (const item of value) items.push(copyOf(item, copies))
    return items
  }
  if (!isPlain(value)) return value
  const copy: object = Object.create(Object.getPrototypeOf(value) as object | null)
  copies.set(value, copy)
  for (const [name, member] of Object.entries(value)) {
    // Assigning to a member called `__proto__` would make it something else.
    Object.defineProperty(copy, name, { value: copyOf(member, copies), enumerable: true, writable: true, configurable: true })
  }
  return copy
}

/** Also where it comes from another realm, whose `Object` is not ours. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}
