import { isDate } from 'node:util/types'
import { LiveError } from '@zenstack-live/protocol'

/** Far beyond what a session holds, and what policies can name; a stack has room for it. */
const MAX_DEPTH = 100

/**
 * What `auth()` holds at this moment, plain objects, arrays and dates copied: an application may go on to change its session in place, and an
 * identity is shared by all who are equal to it. Anything else is kept as it is (`Decimal`, bytes, instances of the application's own
 * classes, `auth()` itself where it is one): what they hide cannot be copied, and who changes them in place changes them for all who share.
 *
 * @throws {LiveError} `internal` where it is nested deeper than anything that policies could ask for
 */
export function copyAuth<Auth>(auth: Auth): Auth {
  // A copy has the type of what it was made from.
  return copyOf(auth, new Map(), 0) as Auth
}

/** @param copies - made so far: sessions may refer to themselves */
function copyOf(value: unknown, copies: Map<object, object>, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (isDate(value)) return new Date(value)
  if (depth > MAX_DEPTH) throw new LiveError('internal', `What $setAuth was given is nested deeper than ${MAX_DEPTH}. Give it what policies read.`)
  const known = copies.get(value)
  if (known !== undefined) return known
  if (Array.isArray(value)) {
    const items: unknown[] = []
    copies.set(value, items)
    for (const item of value) items.push(copyOf(item, copies, depth + 1))
    return items
  }
  if (!isPlain(value)) return value
  const copy: object = Object.create(Object.getPrototypeOf(value) as object | null)
  copies.set(value, copy)
  for (const [name, member] of Object.entries(value)) {
    // Assigning to a member called `__proto__` would make it something else.
    Object.defineProperty(copy, name, { value: copyOf(member, copies, depth + 1), enumerable: true, writable: true, configurable: true })
  }
  return copy
}

/** Also where it comes from another realm, whose `Object` is not ours. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}
