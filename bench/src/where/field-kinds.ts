import { AnyNull, DbNull, JsonNull } from '@zenstackhq/orm'
import { Decimal } from 'decimal.js'
import type { Random } from '../random.ts'
import * as values from './field-values.ts'

/** One kind of field: how it is declared, what its rows hold and what filters ask of it. */
export interface FieldKind {
  /** Type and native type, by which coverage is counted: `String`, `String @db.Uuid`, `Int[]`… */
  readonly name: string
  readonly type: 'Scalar' | 'List' | 'Json' | 'Typed'
  /** ZModel type and attributes, `?` where it is optional. */
  readonly declare: (optional: string) => string
  /** A value as Postgres reads it from text. */
  readonly stored: (random: Random) => string
  /** A value of a filter. */
  readonly asked: (random: Random) => unknown
  readonly operators: readonly string[]
  /** Filters of it, or of its whole model, are left to the database: such fields stand apart, so that they do not hide the others. */
  readonly isLeft?: boolean
  /** The domain that the column is of. */
  readonly domain?: string
}

const ORDERED = ['equals', 'in', 'notIn', 'lt', 'lte', 'gt', 'gte', 'between', 'not', 'direct']
const TEXT = [...ORDERED, 'contains', 'startsWith', 'endsWith', 'mode']
const EQUALITY = ['equals', 'in', 'notIn', 'not', 'direct']
const LIST = ['equals', 'has', 'hasEvery', 'hasSome', 'isEmpty']
const JSON_OPERATORS = [
  'equals',
  'not',
  'path',
  'string_contains',
  'string_starts_with',
  'string_ends_with',
  'array_contains',
  'array_starts_with',
  'array_ends_with',
]

const one =
  <T>(choices: readonly T[]) =>
  (random: Random): T =>
    random.pick(choices)

type Ask = (random: Random) => unknown
type Extra = Partial<Pick<FieldKind, 'operators' | 'isLeft' | 'domain'>>

function scalar(zmodel: string, attribute: string, stored: readonly string[], asked: Ask, extra: Extra = {}): FieldKind {
  const name = extra.domain === undefined ? `${zmodel} ${attribute}`.trim() : `${zmodel} of a domain`
  const declare = (optional: string): string => `${zmodel}${optional} ${attribute}`
  return { name, type: 'Scalar', declare, stored: one(stored), asked, operators: ORDERED, ...extra }
}

function list(zmodel: string, attribute: string, stored: readonly string[], asked: Ask, extra: Extra = {}): FieldKind {
  return {
    name: `${zmodel}[] ${attribute}`.trim(),
    type: 'List',
    declare: () => `${zmodel}[] ${attribute}`,
    stored: (random) => arrayText(Array.from({ length: random.whole(4) }, () => (random.chance(0.1) ? null : random.pick(stored)))),
    asked,
    operators: LIST,
    ...extra,
  }
}

function json(zmodel: string, stored: readonly string[]): FieldKind {
  const [type = ''] = zmodel.split(' ')
  const declare = (optional: string): string => zmodel.replace(type, `${type}${optional}`)
  return { name: zmodel, type: 'Json', declare, stored: one(stored), asked: askedJson, operators: JSON_OPERATORS }
}

/** An array as Postgres reads it. */
export function arrayText(items: readonly (string | null)[]): string {
  return `{${items.map((item) => (item === null ? 'NULL' : `"${item.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`)).join(',')}}`
}

const text = (attribute: string, stored = values.TEXTS, extra: Extra = {}): FieldKind =>
  scalar('String', attribute, stored, one(values.TEXTS), { operators: TEXT, ...extra })
const time = (attribute: string, extra: Extra = {}): FieldKind => scalar('DateTime', attribute, values.TIMES, askedTime, extra)

function askedNumber(texts: readonly string[]): Ask {
  const numbers = texts.map(Number).filter(Number.isFinite)
  return one(numbers)
}

function askedBig(random: Random): unknown {
  const big = BigInt(random.pick(values.BIGS))
  return random.chance(0.5) && Number.isSafeInteger(Number(big)) ? Number(big) : big
}

function askedDecimal(random: Random): unknown {
  const number = random.pick(values.NUMERICS)
  if (random.chance(0.4)) return new Decimal(number)
  return random.chance(0.5) && Number.isFinite(Number(number)) ? Number(number) : number
}

function askedTime(random: Random): unknown {
  const instant = random.pick(values.ASKED_TIMES)
  return random.chance(0.5) ? instant : new Date(instant)
}

const askedBytes = (random: Random): Uint8Array => Uint8Array.from(Buffer.from(random.pick(values.HEX), 'hex'))

function askedJson(random: Random): unknown {
  return random.chance(0.1) ? random.pick([DbNull, JsonNull, AnyNull]) : random.pick(values.JSON_ASKED)
}

const INTS = values.INTS.map(String)
const SMALL = values.INTS.filter((value) => Math.abs(value) <= 32_768)
const BYTES = values.HEX.map((hex) => `\\x${hex}`)
const SHORT_TEXTS = values.TEXTS.filter((each) => Array.from(each).length <= 6)
const DAYS = ['1970-01-01', '2024-05-05', '1969-12-31', '9999-12-31', '0044-03-15 BC', 'infinity', '-infinity']
const CLOCKS = ['00:00:00', '10:00:00.123456', '23:59:59.999999']
const BITS = ['101', '000']
const ADDRESSES = ['10.0.0.1', '192.168.0.0/16', '::1']
const XML = ['<a/>', '<b>x</b>']

export const FIELD_KINDS: readonly FieldKind[] = [
  text(''),
  text('@db.VarChar(40)'),
  text('@db.Char(6)', SHORT_TEXTS),
  text('@db.Citext', values.TEXTS, { isLeft: true }),
  text('', values.TEXTS, { domain: 'words' }),
  scalar('String', '@db.Uuid', values.UUIDS, one(values.UUIDS), { operators: EQUALITY }),
  scalar('String', '@db.Inet', ADDRESSES, one(ADDRESSES), { operators: EQUALITY, isLeft: true }),
  scalar('String', '@db.Xml', XML, one(XML), { operators: EQUALITY, isLeft: true }),
  scalar('String', '@db.Bit(3)', BITS, one(BITS), { operators: EQUALITY, isLeft: true }),
  scalar('String', '@db.VarBit(8)', BITS, one(BITS), { operators: EQUALITY, isLeft: true }),
  scalar('Int', '', INTS, one(values.INTS)),
  scalar('Int', '@db.SmallInt', SMALL.map(String), one(SMALL)),
  scalar('Int', '@db.Oid', ['0', '1', '4000000000'], one([0, 1, 2_147_483_647]), { isLeft: true }),
  scalar('BigInt', '', values.BIGS, askedBig),
  scalar('Float', '', values.FLOATS, askedNumber(values.FLOATS)),
  scalar('Float', '@db.Real', values.SINGLES, askedNumber(values.SINGLES)),
  scalar('Decimal', '', values.NUMERICS, askedDecimal),
  scalar('Decimal', '@db.Decimal(12, 2)', values.MONEYS, askedDecimal),
  scalar('Decimal', '', values.MONEYS, askedDecimal, { domain: 'amount' }),
  scalar('Decimal', '@db.Money', ['0', '1.10', '-12.34'], askedDecimal, { isLeft: true }),
  time(''),
  time('@db.Timestamp(0)'),
  time('@db.Timestamp(3)'),
  time('', { domain: 'short_time' }),
  time('@db.Timestamptz(0)'),
  time('@db.Timestamptz(3)'),
  time('@db.Timestamptz(6)'),
  scalar('DateTime', '@db.Date', DAYS, askedTime),
  scalar('DateTime', '@db.Time(3)', CLOCKS, askedTime, { operators: ['equals'], isLeft: true }),
  scalar('DateTime', '@db.Time(6)', CLOCKS, askedTime, { operators: ['equals'], isLeft: true }),
  scalar('DateTime', '@db.Timetz(6)', ['10:00:00+02', '23:59:59.999999Z'], askedTime, { operators: ['equals'], isLeft: true }),
  scalar('Boolean', '', ['true', 'false'], one([true, false]), { operators: ['equals', 'not', 'direct'] }),
  scalar('Mapped', '', ['k_one', 'K2', 'third one'], one(['K1', 'K2', 'K3']), { operators: EQUALITY }),
  scalar('Plain', '', ['P1', 'P2'], one(['P1', 'P2']), { operators: EQUALITY }),
  scalar('Bytes', '', BYTES, askedBytes, { operators: EQUALITY }),
  json('Json', values.JSON_TEXTS),
  { ...json('Json @db.Json', values.JSON_TEXTS), isLeft: true },
  { ...json('Address @json', values.ADDRESSES), type: 'Typed', operators: ['fields', 'is', 'isNot', 'plain'] },
  list('String', '', values.TEXTS, one(values.TEXTS)),
  list('String', '@db.VarChar(40)', values.TEXTS, one(values.TEXTS), { isLeft: true }),
  list('String', '@db.Uuid', values.UUIDS, one(values.UUIDS), { isLeft: true }),
  list('Int', '', INTS, one(values.INTS)),
  list('Int', '@db.SmallInt', SMALL.map(String), one(SMALL), { isLeft: true }),
  list('BigInt', '', values.BIGS, askedBig),
  list('Float', '', values.FLOATS, askedNumber(values.FLOATS)),
  list('Float', '@db.Real', values.SINGLES, askedNumber(values.SINGLES), { isLeft: true }),
  list('Decimal', '', values.NUMERICS, askedDecimal),
  list('Decimal', '@db.Decimal(12, 2)', values.MONEYS, askedDecimal),
  list('Boolean', '', ['true', 'false'], one([true, false])),
  list('DateTime', '', values.TIMES, askedTime),
  list('DateTime', '@db.Timestamp(3)', values.TIMES, askedTime),
  list('DateTime', '@db.Timestamptz(6)', values.TIMES, askedTime, { isLeft: true }),
  list('DateTime', '@db.Date', DAYS, askedTime, { isLeft: true }),
  list('DateTime', '@db.Time(6)', CLOCKS, askedTime, { isLeft: true }),
  list('Bytes', '', BYTES, askedBytes),
  list('Plain', '', ['P1', 'P2'], one(['P1', 'P2'])),
  list('Mapped', '', ['k_one', 'K2'], one(['K1', 'K2']), { isLeft: true }),
  list('Json', '', values.JSON_TEXTS, one(values.JSON_ASKED)),
  {
    ...list('Address', '@json', [], one([{ city: 'Paris' }]), { operators: LIST.filter((each) => each !== 'has'), isLeft: true }),
    stored: one(values.ADDRESSES.map((each) => `[${each}]`)),
  },
]

/** What the domains of some kinds stand for. */
export const DOMAINS: Readonly<Record<string, string>> = { words: 'text', amount: 'numeric(10, 2)', short_time: 'timestamp(3)' }

/** Columns that no field of a model can show: they come through the stream with every row, and are dropped. */
export const UNSUPPORTED_COLUMNS: readonly string[] = [
  `interval DEFAULT '1 year 2 mons 3.5 s'`,
  `hstore DEFAULT 'a=>1'`,
  `int4range DEFAULT '[1,5)'`,
  `numrange DEFAULT '[1.5,2)'`,
  `int8range DEFAULT '[1,)'`,
  `tsrange DEFAULT '[2024-01-01,infinity)'`,
  `tstzrange DEFAULT '[2024-01-01,)'`,
  `daterange DEFAULT '[2024-01-01,)'`,
  `tsvector DEFAULT 'cat fat'`,
  `tsquery DEFAULT 'cat & fat'`,
  `point DEFAULT '(1,1)'`,
  `circle DEFAULT '<(1,1),2>'`,
  `cidr DEFAULT '10.0.0.0/8'`,
  `macaddr DEFAULT '08:00:2b:01:02:03'`,
  `ltree DEFAULT 'Top.Science'`,
  `money[] DEFAULT '{1.10}'`,
  `int[] DEFAULT '{{1,2},{3,4}}'`,
  `int GENERATED ALWAYS AS (1 + 1) STORED`,
]

export const SHARED_TYPES = `
enum Mapped { K1 @map('k_one') K2 K3 @map('third one') }
enum Plain { P1 P2 }
type Geo { lat Float? lng Float? }
type Address { city String? zip Int? active Boolean? kind Plain? geo Geo? tags String[] }
`
