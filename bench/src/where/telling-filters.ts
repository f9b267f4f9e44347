import { AnyNull, DbNull, JsonNull } from '@zenstackhq/orm'

/** One model with a field of every kind that has rules of its own, and rows on which those rules differ. */
export const TELLING_MODEL = `
model Telling {
  id Int @id
  s String?
  pad String? @db.Char(6)
  uid String? @db.Uuid
  i Int?
  big BigInt?
  f Float?
  r Float? @db.Real
  d Decimal?
  at DateTime?
  day DateTime? @db.Date
  b Boolean?
  k Mapped?
  by Bytes?
  js Json?
  ad Address? @json
  secret String? @allow('read', auth().level > 1)
  tags String[]
  decs Decimal[]
  jss Json[]
  @@allow('read', true)
}`

const UID = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'
const LONG = '123456789012345678901234567890.123456789'

/** Values by column; each column goes round by itself, so that rows are as many as its longest. */
const COLUMNS: Readonly<Record<string, readonly (string | null)[]>> = {
  s: ['abc', 'aBc', 'xbcx', 'bc', 'a', '', null, 'é', 'É', 'ΑΣ', '\u{1F600}', '\uffff', 'a%c'],
  pad: ['ab', 'ab ', 'abcdef', null],
  uid: [UID, null],
  i: ['1', '2', '3', '-1', null],
  big: ['9007199254740993', '9007199254740992', '1', null],
  f: ['1', '0.1', 'NaN', 'Infinity', '-1', null],
  r: ['3.3', '0.1', 'NaN', null],
  d: [LONG, '1.10', '1.1', 'NaN', '-1', null],
  at: ['2024-05-05 10:00:00.123456', '2024-05-05 10:00:00.123', 'infinity', '-infinity', '1969-12-31 23:59:59.999999', null],
  day: ['2024-05-05', '2024-05-06', null],
  b: ['true', 'false', null],
  k: ['k_one', 'K2', 'third one', null],
  by: ['\\x00', '\\xff', '\\x0001', null],
  js: [
    'null',
    null,
    '1',
    '9007199254740993',
    '[1, 2]',
    '[2, 1]',
    '[1, 1]',
    '[]',
    '{}',
    '{"a": 1}',
    '{"a": 1, "b": 2}',
    '{"a": [{"b": 1}, {"b": 2}]}',
    '[{"a": 1, "b": 2}]',
    '[{"k": "v"}, {"k": "w"}]',
    '"abc"',
    '"bcd"',
    '"cab"',
    '"aBc"',
    '"q\\"uote"',
    '"ba\\\\ck"',
  ],
  ad: [
    '{"city": "Paris", "zip": 7}',
    '{"city": "paris", "zip": 8, "active": true}',
    '{"city": "\\"quoted\\"", "zip": 6, "active": false}',
    '{"city": "a\\nb"}',
    '{"city": null, "zip": null}',
    '{}',
    'null',
    null,
    '{"zip": 9, "geo": {"lat": 1.5}}',
  ],
  secret: ['s1', 's2', null],
  tags: ['{a,b}', '{a}', '{a,b,c}', '{b,NULL}', '{}', null],
  decs: ['{1.5}', '{}', null],
  jss: ['{"1","{\\"a\\": 1}"}', '{}', null],
}

export const TELLING_COLUMNS: readonly string[] = ['id', ...Object.keys(COLUMNS)]
const ROWS = Math.max(...Object.values(COLUMNS).map((values) => values.length))
export const TELLING_ROWS: readonly (readonly (string | null)[])[] = Array.from({ length: ROWS }, (_, index) => [
  String(index),
  ...Object.values(COLUMNS).map((values) => values[index % values.length] ?? null),
])

const asked = (field: string, ...filters: readonly unknown[]): Record<string, unknown>[] => filters.map((filter) => ({ [field]: filter }))
const insensitive = (filter: object): object => ({ ...filter, mode: 'insensitive' })
const ALL = { id: { gte: 0 } }
const NONE = { id: { lt: 0 } }
const SUCH = { s: 'abc' }

/**
 * Filters whose answers differ by a single rule each, which random values seldom meet. Every mutant of the deciding code is noticed by one
 * of them.
 */
export const TELLING_FILTERS: readonly Record<string, unknown>[] = [
  { NOT: SUCH },
  { AND: [SUCH, ALL] },
  { AND: [{ i: 1 }, ALL] },
  { AND: [{ i: 1 }, SUCH] },
  { AND: [] },
  { OR: [SUCH, NONE] },
  { OR: [ALL, { s: 'zzz' }] },
  { OR: [{ i: 1 }, SUCH] },
  { OR: [{}, { i: 1 }] },
  { OR: [] },
  { NOT: [{ i: 1 }, SUCH] },
  { NOT: [] },
  ...asked('i', 1, null, {}, { equals: 1 }, { equals: null }, { not: 1 }, { not: null }, { not: { gt: 1 } }, { in: [1, 2] }, { in: [] }),
  ...asked('i', { notIn: [1] }, { notIn: [] }, { lt: 2 }, { lte: 2 }, { gt: 2 }, { gte: 2 }, { between: [1, 2] }, { between: [2, 3] }),
  ...asked('s', { contains: 'bc' }, { startsWith: 'bc' }, { endsWith: 'bc' }, { contains: '%' }, { contains: '' }, { gt: '\uffff' }, { gt: 'ab' }),
  ...asked('s', insensitive({ equals: 'ABC' }), insensitive({ contains: 'BC' }), insensitive({ equals: 'É' }), insensitive({ contains: 'σ' })),
  ...asked('s', insensitive({ not: 'ABC' }), { not: insensitive({ equals: 'ABC' }) }, insensitive({ in: ['ABC'] }), insensitive({ lt: 'B' })),
  ...asked('pad', 'ab', { endsWith: 'b' }, insensitive({ equals: 'AB' }), { lte: 'ab' }),
  ...asked('uid', UID.toUpperCase(), { in: [UID.toUpperCase()] }),
  ...asked('big', 9_007_199_254_740_993n, { gt: 9_007_199_254_740_992n }),
  ...asked('f', { gt: 1 }, { lte: 0.1 }),
  ...asked('r', 3.3, { gt: 1 }, { gte: 0.1 }),
  ...asked('d', LONG, 1.1, { gt: 1 }),
  ...asked('at', '2024-05-05T10:00:00.123Z', { gt: '2024-05-05T10:00:00.123Z' }, { lt: '1970-01-01T00:00:00Z' }),
  ...asked('day', '2024-05-05T10:00:00Z', { gte: '2024-05-05T10:00:00Z' }),
  ...asked('b', true, { not: true }),
  ...asked('k', 'K1', { in: ['K1', 'K3'] }, { not: 'K1' }),
  ...asked('by', Uint8Array.of(0), { not: Uint8Array.of(0) }),
  ...asked('tags', { has: 'a' }, { hasEvery: ['a', 'z'] }, { hasEvery: [] }, { hasSome: ['a', 'z'] }, { hasSome: [] }, { equals: ['a', 'b'] }),
  ...asked('tags', { isEmpty: true }, { isEmpty: false }),
  { NOT: { tags: { has: 'z' } } },
  ...asked('decs', { isEmpty: true }, { isEmpty: false }, { has: 1.5 }),
  ...asked('jss', { isEmpty: true }, { isEmpty: false }, { has: { a: 1 } }),
  ...asked('js', { equals: [2, 1] }, { equals: { a: 1 } }, { equals: 9_007_199_254_740_992 }, { equals: 1 }, { not: 1 }, { not: JsonNull }),
  ...asked('js', { equals: DbNull }, { equals: JsonNull }, { equals: AnyNull }, { not: DbNull }),
  ...asked(
    'js',
    { string_contains: 'bc' },
    { string_starts_with: 'b' },
    { string_ends_with: 'c' },
    { string_contains: '"' },
    { string_contains: '\\' },
  ),
  ...asked('js', insensitive({ string_contains: 'BC' }), { array_contains: 1 }, { array_contains: [2, 1] }, { array_contains: { a: 1 } }),
  ...asked('js', { array_starts_with: 1 }, { array_starts_with: 2 }, { path: '$.a', equals: 1 }, { path: '$.k', equals: 'v' }),
  ...asked('js', { path: '$[0]', equals: 1 }, { path: '$[*]', equals: 1 }, { path: '$.a[*].b', equals: 1 }, { path: '$.a', equals: DbNull }),
  ...asked('ad', { city: 'Paris' }, { city: '\\"quoted\\' }, { city: 'a\\nb' }, { city: null }, { city: { not: 'Paris' } }, { city: {} }),
  ...asked('ad', { city: { contains: 'ari' } }, { city: { startsWith: 'ari' } }, { city: { startsWith: 'P' } }, { city: { endsWith: 'ari' } }),
  ...asked(
    'ad',
    { city: { endsWith: 'is' } },
    { city: insensitive({ equals: 'PARIS' }) },
    { city: { in: ['Paris'] } },
    { city: { notIn: ['Paris'] } },
  ),
  ...asked('ad', { city: { in: [] } }, { city: { notIn: [] } }, { city: { lt: 'Paris' } }, { city: { lte: 'Paris' } }, { city: { gt: 'Paris' } }),
  ...asked('ad', { city: { gte: 'Paris' } }, { city: { between: ['Paris', 'Paris'] } }),
  ...asked(
    'ad',
    { zip: 7 },
    { zip: { equals: 7 } },
    { zip: null },
    { zip: { not: 7 } },
    { zip: { lt: 7 } },
    { zip: { lte: 7 } },
    { zip: { gt: 7 } },
    { zip: { gte: 7 } },
  ),
  ...asked('ad', { zip: { between: [7, 8] } }, { zip: { in: [7] } }, { zip: { notIn: [7] } }, { zip: { in: [] } }, { zip: { notIn: [] } }),
  ...asked('ad', { active: true }, { active: { not: true } }, { geo: { lat: { gt: 1 } } }),
  ...asked('ad', { is: { zip: 7 } }, { isNot: { zip: 7 } }, { path: '$.zip', equals: 7 }, null),
  ...asked('secret', 's2', null, { not: null }, { not: 's1' }),
]
