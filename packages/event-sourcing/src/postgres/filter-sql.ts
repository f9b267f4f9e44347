import { sql, type SQL } from 'drizzle-orm'
import { identifierText, isOperators } from '../query.ts'
import { quoteLiteral } from '../table-config.ts'
import type { ReadItem } from '../store.ts'

const COMPARISONS = { gt: '>', gte: '>=', lt: '<', lte: '<=' } as const

const NOTHING = sql.raw('false')
const EVERYTHING = sql.raw('true')

/** What an item of a query means, as a condition over the columns of the events table. */
export function itemSql(item: ReadItem): SQL {
  const parts: SQL[] = []
  if (item.types !== undefined) parts.push(anyOf(sql.raw('type'), item.types))
  for (const [key, values] of Object.entries(item.identifier)) parts.push(anyOf(textOf(sql.raw('data'), key), values))
  if (item.filter !== undefined) parts.push(filterSql(sql.raw('data'), item.filter))
  if (item.after !== undefined && item.after > 0) parts.push(sql`position > ${item.after}`)
  return allOf(parts)
}

/**
 * A data filter as a condition. Keys stand in the text as literals, so that the index on that very expression is used
 * under a generic plan too.
 *
 * @throws {TypeError} for values that cannot be compared and operators that do not exist.
 */
export function filterSql(data: SQL, filter: Readonly<Record<string, unknown>>): SQL {
  return allOf(Object.entries(filter).map(([key, value]) => fieldSql(data, key, value)))
}

function fieldSql(data: SQL, key: string, value: unknown): SQL {
  const text = textOf(data, key)
  if (Array.isArray(value)) {
    // A list means any of these values; it also finds a field that holds this very list.
    const list: readonly unknown[] = value
    const isThisList = sql`${jsonOf(data, key)} = ${JSON.stringify(list)}::text::jsonb`
    const scalars = list.filter((one) => typeof one !== 'object')
    return list.length === 0
      ? NOTHING
      : sql`(${anyOf(
          text,
          scalars.map((one) => identifierText(one, key)),
        )} OR ${isThisList})`
  }
  if (typeof value !== 'object' || value === null) return sql`${text} = ${identifierText(value, key)}`
  if (!isOperators(value)) return filterSql(jsonOf(data, key), { ...value })
  return allOf(Object.entries(value).map(([operator, operand]) => operatorSql(data, key, operator, operand)))
}

function operatorSql(data: SQL, key: string, operator: string, operand: unknown): SQL {
  const text = textOf(data, key)
  switch (operator) {
    case 'eq':
      return sql`${text} = ${identifierText(operand, key)}`
    case 'neq':
      return sql`${text} IS DISTINCT FROM ${identifierText(operand, key)}`
    case 'in':
      return anyOf(text, texts(operand, key))
    case 'nin': {
      const values = texts(operand, key)
      return values.length === 0 ? EVERYTHING : sql`NOT coalesce(${anyOf(text, values)}, false)`
    }
    case 'contains':
      return sql`${jsonOf(data, key)} @> ${JSON.stringify(operand)}::text::jsonb`
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte':
      return comparison(data, key, sql.raw(COMPARISONS[operator]), operand)
    default:
      throw new TypeError(`Filter "${key}" has no operator "${operator}".`)
  }
}

/** Numbers compare only with numbers, and strings only with strings: a cast that can fail would fail for one odd event. */
function comparison(data: SQL, key: string, operator: SQL, operand: unknown): SQL {
  const text = textOf(data, key)
  if (typeof operand === 'number' && Number.isFinite(operand)) {
    return sql`CASE WHEN jsonb_typeof(${jsonOf(data, key)}) = 'number' THEN (${text})::numeric ${operator} ${String(operand)}::text::numeric ELSE false END`
  }
  if (typeof operand === 'string') {
    return sql`CASE WHEN jsonb_typeof(${jsonOf(data, key)}) = 'string' THEN ${text} COLLATE "C" ${operator} ${operand} ELSE false END`
  }
  throw new TypeError(`Filter "${key}" compares with ${String(operand)}: ranges take numbers and strings.`)
}

function texts(operand: unknown, key: string): string[] {
  if (!Array.isArray(operand)) throw new TypeError(`Filter "${key}" needs a list.`)
  return operand.map((one) => identifierText(one, key))
}

function textOf(data: SQL, key: string): SQL {
  return sql`(${data}->>${sql.raw(quoteLiteral(key))})`
}

function jsonOf(data: SQL, key: string): SQL {
  return sql`(${data}->${sql.raw(quoteLiteral(key))})`
}

function anyOf(expression: SQL, values: readonly string[]): SQL {
  if (values.length === 0) return NOTHING
  if (values.length === 1) return sql`${expression} = ${values[0]}`
  return sql`${expression} IN (${sql.join(
    values.map((value) => sql`${value}`),
    sql.raw(', '),
  )})`
}

function allOf(parts: readonly SQL[]): SQL {
  if (parts.length === 0) return EVERYTHING
  return sql`(${sql.join([...parts], sql.raw(' AND '))})`
}
