import { AnyNull, DbNull, JsonNull } from '@zenstackhq/orm'
import { Decimal } from 'decimal.js'
import type { Random } from '../random.ts'

/** One kind of field: how it is declared, what its rows hold and what filters ask of it. */
export interface FieldKind {
  /** The type, by which coverage is counted: `String`, `Int[]`… */
  readonly type: string
  /** ZModel type and attributes, `?` where it is optional. */
  readonly declare: (optional: string) => string
  /** A value as Postgres reads it from text. */
  readonly stored: (random: Random) => string
  /** A value of a filter. */
  readonly asked: (random: Random) => unknown
  readonly operators: readonly string[]
  readonly isList?: boolean
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

const TEXTS = [
  '',
  'a',
  'A',
  'b',
  'ab',
  'abc',
  'aBc',
  'ABC',
  'a%c',
  'a_c',
  'a\\c',
  '%',
  '_',
  '\\',
  ' a',
  'a ',
  'é',
  'É',
  'e\u0301',
  'ß',
  'ẞ',
  'İ',
  'i',
  'I',
  'ı',
  'Σ',
  'σ',
  'ς',
  'ΑΣ',
  'ǅ',
  'Ω',
  '\u2126',
  'ﬀ',
  '\uffff',
  '\u{1F600}',
  '\u{10400}',
  '\u{10428}',
  '\ue000',
  'z\u{1F600}',
  '日本',
  '"q"',
  "it's",
  '\n',
  '\t',
  '\u0001',
]
const UUIDS = [
  'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
  'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11',
  '00000000-0000-0000-0000-000000000000',
  'ffffffff-ffff-ffff-ffff-ffffffffffff',
]
const INTS = [0, 1, -1, 2, 10, 100, 32767, -32768, 2147483647, -2147483648]
const SMALL = INTS.slice(0, 8)
const BIGS = ['0', '1', '-1', '9007199254740992', '9007199254740993', '-9007199254740993', '9223372036854775807', '-9223372036854775808', '42']
const FLOATS = [
  '0',
  '1',
  '-1',
  '0.1',
  '0.3',
  '0.30000000000000004',
  '1.5',
  '3.3',
  '1e300',
  '-1e300',
  '5e-324',
  'NaN',
  'Infinity',
  '-Infinity',
  '16777217',
]
const SINGLES = ['0', '1', '-1', '0.1', '3.3', '1.5', '3.4e38', '1e-40', 'NaN', 'Infinity', '-Infinity', '16777216', '0.3']
const NUMERICS = [
  '0',
  '1',
  '1.10',
  '1.1',
  '-1.1',
  '0.1',
  '123456789012345678901234567890.123456789',
  '1e-20',
  '99999999.99',
  'NaN',
  'Infinity',
  '-Infinity',
  '-0.5',
]
const MONEYS = ['0', '1.10', '1.1', '-1.1', '0.1', '99999999.99', 'NaN', '-0.5', '12.34']
const TIMES = [
  '1970-01-01 00:00:00',
  '2024-05-05 10:00:00',
  '2024-05-05 10:00:00.123',
  '2024-05-05 10:00:00.123456',
  '2024-05-05 10:00:00.124',
  '1969-12-31 23:59:59.999999',
  '2024-05-05 00:00:00',
  '9999-12-31 23:59:59.999999',
  '2300-01-01 00:00:00.000001',
  '0044-03-15 12:00:00 BC',
  'infinity',
  '-infinity',
  '0001-01-01 00:00:00',
  '12000-01-01 00:00:00',
]
const ASKED_TIMES = [
  '1970-01-01T00:00:00Z',
  '2024-05-05T10:00:00Z',
  '2024-05-05T10:00:00.123Z',
  '2024-05-05T10:00:00.124Z',
  '2024-05-05',
  '9999-12-31T23:59:59.999Z',
  '2300-01-01T00:00:00Z',
  '1969-12-31T23:59:59.999Z',
  '0001-01-01T00:00:00Z',
]
const HEX = ['', '00', 'ff', '0001', '616263', '80', '0000']

const JSON_TEXTS = [
  'null',
  'true',
  'false',
  '0',
  '1',
  '1.0',
  '-1',
  '1e2',
  '100',
  '9007199254740993',
  '9007199254740993',
  '0.1',
  '"a"',
  '"A"',
  '"abc"',
  '""',
  '"a\\"b"',
  '"\\\\"',
  '"é"',
  '"null"',
  '"%"',
  '"cab"',
  '"aBc"',
  '"bcd"',
  '"abc"',
  '[]',
  '[1]',
  '[1,2]',
  '[2,1]',
  '["a"]',
  '[null]',
  '[[1]]',
  '[{"a":1,"b":2}]',
  '[1,1]',
  '["a","b","a"]',
  '{}',
  '{"a":1}',
  '{"a":"x","b":[1,2]}',
  '{"b":[1,2],"a":"x"}',
  '{"a":null}',
  '{"a":{"b":"deep"}}',
  '{"0":"zero"}',
  '{"tags":["x","y"],"n":1.50}',
  '{"a b":1}',
  '[{"k":"v"},{"k":"w"}]',
  '{"a":[{"b":1},{"b":2}]}',
]
const JSON_ASKED: unknown[] = [
  true,
  false,
  0,
  1,
  -1,
  100,
  0.1,
  9007199254740992,
  9007199254740992,
  9007199254740992,
  'a',
  'A',
  'abc',
  '',
  'a"b',
  '\\',
  'é',
  'null',
  'x',
  'v',
  'deep',
  [],
  [1],
  [1, 2],
  [2, 1],
  ['a'],
  [null],
  [[1]],
  [{ a: 1 }],
  ['a', 'b'],
  {},
  { a: 1 },
  { a: 'x', b: [1, 2] },
  { a: null },
  { b: 'deep' },
  { k: 'v' },
]
const JSON_PATHS = [
  '$',
  '$.a',
  '$.a.b',
  '$.b',
  '$.b[0]',
  '$[0]',
  '$[1]',
  '$[*]',
  '$.tags[*]',
  '$.tags[1]',
  '$."a b"',
  '$.n',
  '$.missing',
  '$[0].k',
  '$.a[*].b',
  '$[0][0]',
  '$.a[0].b',
]

const one =
  <T>(values: readonly T[]) =>
  (random: Random): T =>
    random.pick(values)
const literal = (items: readonly (string | null)[]): string =>
  `{${items.map((item) => (item === null ? 'NULL' : `"${item.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`)).join(',')}}`
const some = <T>(random: Random, make: (random: Random) => T, most = 3): T[] => Array.from({ length: random.whole(most + 1) }, () => make(random))

function list(element: FieldKind, zmodel: string, options: { canHoldNull?: boolean } = {}): FieldKind {
  return {
    type: `${element.type}[]`,
    declare: () => `${zmodel}[]`,
    stored: (random) => literal(some(random, (each) => (options.canHoldNull !== false && each.chance(0.1) ? null : element.stored(each)))),
    asked: element.asked,
    operators: LIST,
    isList: true,
  }
}

function scalar(
  type: string,
  zmodel: string,
  attribute: string,
  stored: readonly string[],
  asked: (random: Random) => unknown,
  operators: readonly string[] = ORDERED,
): FieldKind {
  return { type, declare: (optional) => `${zmodel}${optional} ${attribute}`, stored: one(stored), asked, operators }
}

const textField = (attribute: string): FieldKind => scalar('String', 'String', attribute, TEXTS, one(TEXTS), TEXT)
const askedNumber =
  (texts: readonly string[]) =>
  (random: Random): number =>
    Number(random.pick(texts.filter((text) => Number.isFinite(Number(text)))))
const askedBig = (random: Random): unknown => {
  const big = BigInt(random.pick(BIGS))
  return random.chance(0.5) && Number.isSafeInteger(Number(big)) ? Number(big) : big
}
const askedDecimal = (random: Random): unknown => {
  const text = random.pick(NUMERICS)
  if (random.chance(0.4)) return new Decimal(text)
  return random.chance(0.5) && Number.isFinite(Number(text)) ? Number(text) : text
}
const askedTime = (random: Random): unknown => (random.chance(0.5) ? random.pick(ASKED_TIMES) : new Date(random.pick(ASKED_TIMES)))
const askedBytes = (random: Random): Uint8Array => Uint8Array.from(Buffer.from(random.pick(HEX), 'hex'))
const askedJson = (random: Random): unknown => (random.chance(0.1) ? random.pick([DbNull, JsonNull, AnyNull]) : random.pick(JSON_ASKED))

const TEXT_KIND = textField('')
const KIND_LABELS = ['k_one', 'K2', 'third one']
const BYTES_STORED = HEX.map((hex) => `\\x${hex}`)
const time = (attribute: string): FieldKind => scalar('DateTime', 'DateTime', attribute, TIMES, askedTime)
const ADDRESSES = [
  '{"city":"Paris","zip":7,"geo":{"lat":1.5},"kind":"P2","tags":["a"]}',
  '{"city":"paris"}',
  '{"city":null,"zip":null}',
  '{}',
  '{"city":"\\"quoted\\"","zip":8}',
  'null',
  '{"city":"","active":true}',
  '{"zip":7.0,"active":false,"kind":"P1"}',
  '{"city":"a\\nb"}',
  '{"city":"é","geo":null}',
  '[]',
  '"text"',
  '{"city":5}',
]

export const FIELD_KINDS: readonly FieldKind[] = [
  TEXT_KIND,
  textField('@db.VarChar(40)'),
  { ...textField('@db.Char(6)'), stored: (random) => random.pick(TEXTS.filter((text) => Array.from(text).length <= 6)) },
  scalar('String', 'String', '@db.Uuid', UUIDS, one(UUIDS), EQUALITY),
  scalar('Int', 'Int', '', INTS.map(String), one(INTS)),
  scalar('Int', 'Int', '@db.SmallInt', SMALL.map(String), one(SMALL)),
  scalar('BigInt', 'BigInt', '', BIGS, askedBig),
  scalar('Float', 'Float', '', FLOATS, askedNumber(FLOATS)),
  scalar('Float', 'Float', '@db.Real', SINGLES, askedNumber(SINGLES)),
  scalar('Decimal', 'Decimal', '', NUMERICS, askedDecimal),
  scalar('Decimal', 'Decimal', '@db.Decimal(12, 2)', MONEYS, askedDecimal),
  time(''),
  time('@db.Timestamp(3)'),
  time('@db.Timestamptz(6)'),
  time('@db.Timestamptz(3)'),
  scalar(
    'DateTime',
    'DateTime',
    '@db.Date',
    ['1970-01-01', '2024-05-05', '1969-12-31', '9999-12-31', '0044-03-15 BC', 'infinity', '-infinity'],
    askedTime,
  ),
  scalar('DateTime', 'DateTime', '@db.Time(6)', ['00:00:00', '10:00:00.123456', '23:59:59.999999'], askedTime, ['equals']),
  scalar('Boolean', 'Boolean', '', ['true', 'false'], one([true, false]), ['equals', 'not', 'direct']),
  scalar('Enum', 'Mapped', '', KIND_LABELS, one(['K1', 'K2', 'K3']), EQUALITY),
  scalar('Enum', 'Plain', '', ['P1', 'P2'], one(['P1', 'P2']), EQUALITY),
  scalar('Bytes', 'Bytes', '', BYTES_STORED, askedBytes, ['equals', 'in', 'notIn', 'not', 'direct']),
  { type: 'Json', declare: (optional) => `Json${optional}`, stored: one(JSON_TEXTS), asked: askedJson, operators: JSON_OPERATORS },
  {
    type: 'Typed',
    declare: (optional) => `Address${optional} @json`,
    stored: one(ADDRESSES),
    asked: askedJson,
    operators: ['fields', 'is', 'isNot', 'plain'],
  },
  list(TEXT_KIND, 'String'),
  list(scalar('Int', 'Int', '', INTS.map(String), one(INTS)), 'Int'),
  list(scalar('BigInt', 'BigInt', '', BIGS, askedBig), 'BigInt'),
  list(scalar('Float', 'Float', '', FLOATS, askedNumber(FLOATS)), 'Float'),
  list(scalar('Decimal', 'Decimal', '', NUMERICS, askedDecimal), 'Decimal'),
  list(scalar('Boolean', 'Boolean', '', ['true', 'false'], one([true, false])), 'Boolean'),
  list(time(''), 'DateTime'),
  list(scalar('Bytes', 'Bytes', '', BYTES_STORED, askedBytes), 'Bytes'),
  list(scalar('Enum', 'Plain', '', ['P1', 'P2'], one(['P1', 'P2'])), 'Plain'),
  list(
    { type: 'Json', declare: () => 'Json', stored: one(JSON_TEXTS), asked: (random) => random.pick(JSON_ASKED), operators: JSON_OPERATORS },
    'Json',
  ),
]

export const JSON_FILTER_PATHS = JSON_PATHS
/** Parts of the texts, so that searching finds some of them in the middle and some at an end. */
export const TEXT_PARTS = ['a', 'b', 'c', 'B', 'C', 'é', 'É', '%', '_', '\\', 'i', 'σ', 'Σ', 'bc', 'ab', 'e', '\u{1F600}']
export const JSON_SEARCHES = ['a', 'A', 'b', 'B', '"', '\\', '%', '', 'é', 'x', 'c', 'ab', 'bc']

export const SHARED_TYPES = `
enum Mapped { K1 @map('k_one') K2 K3 @map('third one') }
enum Plain { P1 P2 }
type Geo { lat Float? lng Float? }
type Address { city String? zip Int? active Boolean? kind Plain? geo Geo? tags String[] }
`
