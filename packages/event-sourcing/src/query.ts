import type { FilterValue } from './event-types.ts'
import type { ConditionItem, NormalItem, ReadItem } from './store.ts'
import type { Identifier } from './table-config.ts'

type LooseItem = { readonly types?: readonly string[]; readonly identifier?: Readonly<Record<string, unknown>> }

/**
 * Makes a query checkable: every value as text, nothing empty, nothing undefined.
 *
 * @throws {TypeError} when an item could never match, or holds a value that would silently widen it.
 */
export function normalizeQuery(query: LooseItem | readonly LooseItem[], name: string = 'query'): NormalItem[] {
  const items = isList(query) ? query : [query]
  if (items.length === 0) throw new TypeError(`The ${name} has no items, so it could never match. Use {} for every event.`)
  return items.map((item) => normalizeItem(item, name))
}

/** The text that Postgres's `->>` gives for a value, which is what identifiers compare. */
export function identifierText(value: unknown, key: string): string {
  if (typeof value === 'string') return value
  if (typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))) {
    const text = String(value)
    if (typeof value === 'boolean' || !text.includes('e')) return text
    throw new TypeError(`"${key}" is ${text}: Postgres writes such numbers in another way. Give the text that it has there.`)
  }
  throw new TypeError(
    `"${key}" is ${value === null ? 'null' : typeof value}: filters compare strings, numbers and booleans, and a missing value must not widen them.`,
  )
}

/** Whether the event is one that the item means. Decides as the store does. */
export function matchesItem(event: { readonly type: string; readonly data: unknown }, item: NormalItem): boolean {
  if (item.types !== undefined && !item.types.includes(event.type)) return false
  return Object.entries(item.identifier).every(([key, values]) => {
    const text = textAt(event.data, key)
    return text !== undefined && values.includes(text)
  })
}

export function textAt(data: unknown, key: string): string | undefined {
  if (typeof data !== 'object' || data === null || !Object.hasOwn(data, key)) return undefined
  const value: unknown = Reflect.get(data, key)
  if (value === null || value === undefined) return undefined
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** The declared identifier that decides which lock an item needs: an exclusive one where there is one. */
export function leadIdentifier(item: NormalItem, identifiers: readonly Identifier[]): Identifier | undefined {
  const carried = identifiers.filter(({ key }) => Object.hasOwn(item.identifier, key))
  return carried.find(({ lock }) => lock === 'exclusive') ?? carried[0]
}

/** Whether matching events commit in the order of their positions, so that what was read is complete up to its last event. */
export function isPinned(item: NormalItem, identifiers: readonly Identifier[]): boolean {
  return leadIdentifier(item, identifiers)?.lock === 'exclusive'
}

/** The one identifier value that all items share as their lead, if any: then one position describes them all. */
export function commonPin(items: readonly NormalItem[], identifiers: readonly Identifier[]): string | undefined {
  const pins = new Set<string>()
  for (const item of items) {
    const lead = leadIdentifier(item, identifiers)
    if (lead?.lock !== 'exclusive') return undefined
    for (const value of item.identifier[lead.key] ?? []) pins.add(`${lead.key}=${value}`)
  }
  return pins.size === 1 ? [...pins][0] : undefined
}

/**
 * The condition that nothing was added to what was read: one item for each pinned value with the last position seen
 * there, because an event of one value may commit after a later event of another.
 */
export function conditionFrom(
  items: readonly ReadItem[],
  events: readonly { readonly type: string; readonly data: unknown; readonly position: number }[],
  identifiers: readonly Identifier[],
): ConditionItem[] {
  return items
    .flatMap((item) => splitByPin(item, identifiers))
    .map((item) => {
      const seen = events.filter((event) => matchesItem(event, item)).map(({ position }) => position)
      return { ...(item.types === undefined ? {} : { types: item.types }), identifier: item.identifier, after: Math.max(item.after ?? 0, ...seen) }
    })
}

function splitByPin(item: ReadItem, identifiers: readonly Identifier[]): ReadItem[] {
  const lead = leadIdentifier(item, identifiers)
  if (lead?.lock !== 'exclusive') return [item]
  return (item.identifier[lead.key] ?? []).map((value) => ({ ...item, identifier: { ...item.identifier, [lead.key]: [value] } }))
}

const FILTER_OPERATORS = new Set(['eq', 'neq', 'in', 'nin', 'gt', 'gte', 'lt', 'lte', 'contains'])

/** Whether an object in a filter holds operators, rather than the filter of a nested object. */
export function isOperators(value: object): boolean {
  return Object.keys(value).some((name) => FILTER_OPERATORS.has(name))
}

/** @throws {TypeError} for `null`, `undefined` and unknown operators, which would otherwise widen the filter in silence. */
export function checkFilter(filter: Readonly<Record<string, unknown>>): Readonly<Record<string, FilterValue>> {
  for (const [key, value] of Object.entries(filter)) {
    if (value === undefined || value === null) {
      throw new TypeError(
        `Filter "${key}" is ${value === null ? 'null' : 'undefined'}. Leave it out to match everything, or give [] to match nothing.`,
      )
    }
    if (typeof value !== 'object' || Array.isArray(value)) continue
    if (!isOperators(value)) checkFilter({ ...value })
    for (const name of isOperators(value) ? Object.keys(value) : []) {
      if (!FILTER_OPERATORS.has(name))
        throw new TypeError(`Filter "${key}" has no operator "${name}". There are ${[...FILTER_OPERATORS].join(', ')}.`)
    }
  }
  // The type says the same; this parser is for callers without types.
  return filter as Readonly<Record<string, FilterValue>>
}

function normalizeItem(item: LooseItem, name: string): NormalItem {
  if (item.types !== undefined && item.types.length === 0) {
    throw new TypeError(`An item of the ${name} has an empty list of types, so it could never match. Leave out \`types\` to mean all types.`)
  }
  const identifier: Record<string, string[]> = {}
  for (const [key, value] of Object.entries(item.identifier ?? {})) {
    identifier[key] = (Array.isArray(value) ? value : [value]).map((one) => identifierText(one, key))
  }
  return { ...(item.types === undefined ? {} : { types: [...item.types] }), identifier }
}

function isList(query: LooseItem | readonly LooseItem[]): query is readonly LooseItem[] {
  return Array.isArray(query)
}
