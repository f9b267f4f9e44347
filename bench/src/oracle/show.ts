import { Decimal } from 'decimal.js'

/** Values in a form that says their type. */
export function show(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`
  if (value instanceof Date) return `Date(${Number.isNaN(value.getTime()) ? 'invalid' : value.toISOString()})`
  if (typeof value === 'string') return JSON.stringify(value)
  if (value instanceof Uint8Array) return `x${Buffer.from(value).toString('hex')}`
  if (Array.isArray(value)) return `[${value.map(show).join(', ')}]`
  if (typeof value === 'object' && value !== null) {
    if ('text' in value && typeof value.text === 'string') return `json(${value.text})`
    if (Decimal.isDecimal(value)) return `Decimal(${value.toString()})`
    if (Object.getPrototypeOf(value) !== Object.prototype) return value.constructor.name
    return `{ ${Object.entries(value)
      .map(([name, each]) => `${name}: ${show(each)}`)
      .join(', ')} }`
  }
  return String(value)
}
