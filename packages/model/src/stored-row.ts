import type { Decimal } from 'decimal.js'
import type { StoredJson } from './stored-json.ts'

/**
 * A row as the change stream gave it, nothing lost: by field name. A field whose value is not known (not captured, withheld,
 * unchanged and not sent) is absent; SQL NULL is `null`.
 */
export type StoredRow = Readonly<Record<string, StoredValue>>

export type StoredValue = StoredScalar | readonly StoredScalar[]

/**
 * - DateTime: {@link StoredTime}
 * - Enum: the database's label (`@map` not undone)
 * - Json: {@link StoredJson}, so that JSON's null is not SQL's
 * - the others: string, number, bigint, boolean, Decimal, Uint8Array
 */
export type StoredScalar = string | number | bigint | boolean | Decimal | Uint8Array | StoredJson | null

/** Microseconds since 1970-01-01T00:00:00Z; dates are their midnight, times of day count from 1970-01-01. */
export type StoredTime = bigint | 'infinity' | '-infinity'
