import { Decimal } from 'decimal.js'
import type { SchemaDef } from '@zenstackhq/schema'
import { leaveToDatabase } from './policy-scope.ts'

/**
 * A value as ZenStack sends it to Postgres: a string is a parameter without a type, which takes the type of what it is compared
 * with; numbers stand in the statement as literals; booleans fold. `null` changes the shape of the statement.
 */
export type Sent = string | number | bigint | boolean | null | readonly Sent[]

/**
 * @param type - name of the value's type in the schema
 * @throws leaves to the database what does not fit its type: `auth()` is whatever the application put there
 */
export function sentValue(schema: SchemaDef, value: unknown, type: string): Sent {
  if (value === undefined || value === null) return type === 'Json' || schema.typeDefs?.[type] !== undefined ? nullOfJson(value) : null
  if (typeof value === 'boolean') return value
  if (Array.isArray(value)) return value.map((item) => sentValue(schema, item, type))
  switch (type) {
    case 'String':
      return typeof value === 'string' ? sentText(value) : leaveToDatabase()
    case 'Int':
    case 'Float':
      return typeof value === 'number' && Number.isFinite(value) ? value : leaveToDatabase()
    case 'BigInt':
      return typeof value === 'bigint' || Number.isFinite(value) ? (value as bigint | number) : leaveToDatabase()
    case 'Decimal':
      return typeof value === 'number' || typeof value === 'string' || Decimal.isDecimal(value) ? sentText(String(value)) : leaveToDatabase()
    case 'DateTime':
      return sentTime(value)
    default:
      return schema.enums?.[type] !== undefined && typeof value === 'string' ? sentText(value) : leaveToDatabase()
  }
}

function nullOfJson(value: unknown): null {
  // ZenStack sends a null of these types as JSON's null; a missing one as SQL's.
  return value === undefined ? null : leaveToDatabase()
}

function sentText(text: string): string {
  return text.includes('\0') ? leaveToDatabase() : text.toWellFormed()
}

function sentTime(value: unknown): string {
  const date = value instanceof Date ? value : typeof value === 'string' ? new Date(value) : undefined
  return date === undefined || Number.isNaN(date.getTime()) ? leaveToDatabase() : date.toISOString()
}
