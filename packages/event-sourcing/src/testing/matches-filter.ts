import { identifierText, isOperators, textAt } from '../query.ts'

/** Decides a data filter in memory as the SQL of the Postgres store does. */
export function matchesFilter(data: unknown, filter: Readonly<Record<string, unknown>>): boolean {
  return Object.entries(filter).every(([key, value]) => matchesField(data, key, value))
}

function matchesField(data: unknown, key: string, value: unknown): boolean {
  const text = textAt(data, key)
  if (Array.isArray(value)) {
    const list: readonly unknown[] = value
    const scalars = list.filter((one) => typeof one !== 'object').map((one) => identifierText(one, key))
    return list.length > 0 && ((text !== undefined && scalars.includes(text)) || isEqual(fieldOf(data, key), list))
  }
  if (typeof value !== 'object' || value === null) return text === identifierText(value, key)
  if (!isOperators(value)) return matchesFilter(fieldOf(data, key), { ...value })
  return Object.entries(value).every(([operator, operand]) => matchesOperator(fieldOf(data, key), text, key, operator, operand))
}

function matchesOperator(field: unknown, text: string | undefined, key: string, operator: string, operand: unknown): boolean {
  switch (operator) {
    case 'eq':
      return text === identifierText(operand, key)
    case 'neq':
      return text !== identifierText(operand, key)
    case 'in':
      return text !== undefined && texts(operand, key).includes(text)
    case 'nin':
      return text === undefined || !texts(operand, key).includes(text)
    case 'contains':
      return contains(field, operand)
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte':
      return compares(field, key, operator, operand)
    default:
      throw new TypeError(`Filter "${key}" has no operator "${operator}".`)
  }
}

function compares(field: unknown, key: string, operator: 'gt' | 'gte' | 'lt' | 'lte', operand: unknown): boolean {
  if (typeof operand !== 'string' && typeof operand !== 'number')
    throw new TypeError(`Filter "${key}" compares with ${String(operand)}: ranges take numbers and strings.`)
  if (typeof field !== typeof operand) return false
  const order = typeof operand === 'number' ? Number(field) - operand : compareCodePoints(String(field), operand)
  return { gt: order > 0, gte: order >= 0, lt: order < 0, lte: order <= 0 }[operator]
}

/** The order of UTF-8 bytes, which is what Postgres's "C" collation compares. */
function compareCodePoints(left: string, right: string): number {
  const [a, b] = [Array.from(left), Array.from(right)]
  for (let index = 0; index < a.length && index < b.length; index++) {
    const difference = (a[index]?.codePointAt(0) ?? 0) - (b[index]?.codePointAt(0) ?? 0)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

/** Postgres's `@>`: objects by their fields, lists as sets, anything else by equality. */
function contains(value: unknown, part: unknown): boolean {
  if (Array.isArray(value)) return (Array.isArray(part) ? part : [part]).every((wanted) => value.some((one) => contains(one, wanted)))
  if (isObject(value) && isObject(part))
    return Object.entries(part).every(([key, wanted]) => Object.hasOwn(value, key) && contains(value[key], wanted))
  return value !== undefined && isEqual(value, part)
}

function isEqual(left: unknown, right: unknown): boolean {
  if (Array.isArray(left) && Array.isArray(right)) return left.length === right.length && left.every((one, index) => isEqual(one, right[index]))
  if (isObject(left) && isObject(right)) {
    const keys = Object.keys(left)
    return keys.length === Object.keys(right).length && keys.every((key) => Object.hasOwn(right, key) && isEqual(left[key], right[key]))
  }
  return left === right
}

function fieldOf(data: unknown, key: string): unknown {
  return isObject(data) && Object.hasOwn(data, key) ? data[key] : undefined
}

function texts(operand: unknown, key: string): string[] {
  if (!Array.isArray(operand)) throw new TypeError(`Filter "${key}" needs a list.`)
  return operand.map((one) => identifierText(one, key))
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
