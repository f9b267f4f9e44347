import { Decimal } from 'decimal.js'
import type { Domain } from './domain.ts'

const NUMERIC = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$/
/** Longer ones are left to Postgres, which has limits of its own. */
const MAX_NUMERIC_CHARS = 500

/** Order of Postgres: NaN equals itself and comes after all others. */
export function compareFloats(a: number, b: number): number {
  if (a < b) return -1
  if (a > b) return 1
  if (a === b) return 0
  return Number(Number.isNaN(a)) - Number(Number.isNaN(b))
}

export function compareDecimals(a: Decimal, b: Decimal): number {
  if (a.isNaN() || b.isNaN()) return Number(a.isNaN()) - Number(b.isNaN())
  return a.cmp(b)
}

/** Whole numbers within a type's range; others make Postgres fail. */
export function wholeNumbers(bits: 16 | 32): Domain<number> {
  const limit = 2 ** (bits - 1)
  return {
    ofInput: (input) => (typeof input === 'number' && Number.isInteger(input) && input >= -limit && input < limit ? input : undefined),
    ofStored: (stored) => stored as number,
    equals: (a, b) => a === b,
    compare: (a, b) => a - b,
  }
}

const INT8_LIMIT = 1n << 63n

export const BIG_INTEGERS: Domain<bigint> = {
  ofInput(input) {
    if (typeof input !== 'bigint' && !Number.isSafeInteger(input)) return undefined
    const value = BigInt(input as number)
    return value >= -INT8_LIMIT && value < INT8_LIMIT ? value : undefined
  },
  ofStored: (stored) => stored as bigint,
  equals: (a, b) => a === b,
  compare: (a, b) => (a < b ? -1 : a > b ? 1 : 0),
}

export const DOUBLES: Domain<number> = {
  ofInput: (input) => (typeof input === 'number' ? input : undefined),
  ofStored: (stored) => stored as number,
  equals: (a, b) => compareFloats(a, b) === 0,
  compare: compareFloats,
}

/** `real`: the parameter is rounded to single precision too. What single precision cannot hold makes Postgres fail. */
export const SINGLES: Domain<number> = {
  ofInput(input) {
    if (typeof input !== 'number') return undefined
    const single = Math.fround(input)
    // Postgres rounds the number's text, which may lie on one side of the middle between two singles where the double is the middle itself.
    const mirrored = 2 * input - single
    if (input !== single && Math.fround(mirrored) === mirrored) return undefined
    return Number.isFinite(input) && (!Number.isFinite(single) || (single === 0 && input !== 0)) ? undefined : single
  },
  ofStored: (stored) => Math.fround(stored as number),
  equals: (a, b) => compareFloats(a, b) === 0,
  compare: compareFloats,
}

export const NUMERICS: Domain<Decimal> = {
  ofInput: numericInput,
  ofStored: (stored) => stored as Decimal,
  equals: (a, b) => compareDecimals(a, b) === 0,
  compare: compareDecimals,
}

/** `numeric` from a number, string or Decimal of any copy of decimal.js. */
export function numericInput(input: unknown): Decimal | undefined {
  const text = typeof input === 'number' || typeof input === 'string' || Decimal.isDecimal(input) ? String(input) : undefined
  if (text === undefined || text.length > MAX_NUMERIC_CHARS) return undefined
  return NUMERIC.test(text) || text === 'NaN' || text === 'Infinity' || text === '-Infinity' ? new Decimal(text) : undefined
}
