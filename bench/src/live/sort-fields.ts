import type { SchemaDef } from '@zenstackhq/schema'
import { fieldOf } from './rows-in.ts'

/*
 * What a place in an order tells of a row. Read by itself, and not with the code that wrote it: 1 before a value, 0 or 2 for NULL; then
 * text in UTF-8, a unit for each byte, ended by 0; whole numbers as the bits of a double, and times as whole microseconds, both as 16
 * hexadecimal digits; members of an enumeration by their place. Where the order falls, each unit is turned around.
 */

const MEMBER_DIGITS = 4
const NUMBER_DIGITS = 16
const SIGN = 1n << 63n

/** @param orderBy - a list of `{ field: 'asc' | 'desc' | { sort, nulls } }`, by fields whose values a key can be read for */
export function sortFields(schema: SchemaDef, model: string, orderBy: unknown, sort: string): Map<string, string> {
  const fields = new Map<string, string>()
  const given = [orderBy ?? []].flat().flatMap((each) => Object.entries(each)) as [string, unknown][]
  const idFields = (schema.models[model]?.idFields ?? []).filter((name) => given.every(([named]) => named !== name))
  let rest = sort
  for (const [name, order] of [...given, ...idFields.map((id): [string, unknown] => [id, 'asc'])]) {
    const [kind, after] = [rest.slice(0, 1), rest.slice(1)]
    rest = after
    if (kind !== '1') continue
    const isDescending = (typeof order === 'object' ? Reflect.get(order ?? {}, 'sort') : order) === 'desc'
    const { text, length } = read(schema, fieldOf(schema, model, name)?.type ?? '', isDescending ? turned(after) : after)
    fields.set(name, text)
    rest = after.slice(length)
  }
  if (rest !== '') throw new Error(`A sort key of ${model} holds more than ${JSON.stringify(orderBy)}: ${JSON.stringify(sort)}.`)
  return fields
}

function read(schema: SchemaDef, type: string, units: string): { text: string; length: number } {
  const members = schema.enums?.[type]?.values
  if (members !== undefined) return { text: Object.keys(members)[Number.parseInt(units.slice(0, MEMBER_DIGITS), 16)] ?? '?', length: MEMBER_DIGITS }
  const bits = BigInt.asUintN(64, BigInt(type === 'String' ? 0 : `0x${units.slice(0, NUMBER_DIGITS)}`))
  if (type === 'Int') return { text: String(doubleOf((bits & SIGN) === 0n ? ~bits : bits ^ SIGN)), length: NUMBER_DIGITS }
  if (type === 'DateTime') return { text: new Date(Number((bits - SIGN) / 1000n)).toISOString(), length: NUMBER_DIGITS }
  if (type !== 'String') throw new TypeError(`Nobody knows how ${type} is written in a sort key.`)
  const end = units.indexOf('\0')
  return { text: Buffer.from(units.slice(0, end), 'latin1').toString('utf8'), length: end + 1 }
}

function doubleOf(bits: bigint): number {
  const view = new DataView(new ArrayBuffer(8))
  view.setBigUint64(0, BigInt.asUintN(64, bits))
  return view.getFloat64(0)
}

function turned(units: string): string {
  return Array.from({ length: units.length }, (_, index) => String.fromCharCode(0x100 - units.charCodeAt(index))).join('')
}
