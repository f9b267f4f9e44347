import { DbNull, JsonNull } from '@zenstackhq/orm'
import { Decimal } from 'decimal.js'

/** Who asks in the facts about policies. */
export const READERS = {
  nobody: null,
  ann: {
    id: 1,
    email: 'a',
    level: 3,
    names: ['a', 'abc'],
    orgs: [{ id: 1, role: 'ADMIN', note: 'a', at: new Date('2024-05-05T10:00:00.123Z'), big: 1n, price: new Decimal(1) }],
    balance: new Decimal(1),
    since: new Date('2024-05-05T10:00:00.123Z'),
    kind: 'K2',
  },
  bob: { id: 2, email: null, names: null, orgs: [], level: null },
  eve: { id: 3, kind: 'K1', orgs: [{ id: 5, note: null }] },
  max: { id: 4, nums: [2 ** 31], bigs: [2n ** 63n], balance: new Decimal('1.5') },
} as const
export type Reader = keyof typeof READERS

export const MODELS = `
enum Kind { K1 @map('k_one') K2 }
enum Role { ADMIN USER }
type Address { city String? zip Int? }
model Org { id Int @id role String? note String? at DateTime? big BigInt? price Decimal? userId Int? user User? @relation(fields: [userId], references: [id]) }
model User { id Int @id email String? level Int? names String[] nums Int[] bigs BigInt[] since DateTime? balance Decimal? kind Kind? orgs Org[] $USER @@auth @@allow('read', id == 1) @@map('fact_user') }
model Space { id Int @id code Int? @allow('read', false) members Member[] $SPACE @@allow('read', id == 1 || code == 7) @@map('fact_space') }
model Member { id Int @id kind Kind? userId Int? spaceId Int space Space @relation(fields: [spaceId], references: [id]) @@map('fact_member') }
`

export const FACT_FIELDS = `
  id Int @id
  s String?
  t String?
  i Int?
  d Decimal?
  at DateTime?
  day DateTime? @db.Date
  clock DateTime? @db.Time(6)
  c String? @db.Char(4)
  u String? @db.Uuid
  b Boolean?
  js Json?
  tags String[]
  kinds Kind[]
  kind Kind?
  addr Address? @json
  roles Role[]
  big BigInt?
  ownerId Int?
  spaceId Int?`

/** Columns in the order of {@link FACT_ROWS}. */
export const FACT_COLUMNS = [
  'id',
  's',
  't',
  'i',
  'd',
  'at',
  'day',
  'clock',
  'c',
  'u',
  'b',
  'js',
  'tags',
  'kind',
  'addr',
  'roles',
  'big',
  'ownerId',
  'spaceId',
]
const UUID = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'
export const FACT_ROWS: readonly (readonly (string | null)[])[] = [
  [
    '1',
    'abc',
    'abc',
    '1',
    '1.10',
    '2024-05-05 10:00:00.123456',
    '2024-05-05',
    '10:00:00',
    'ab',
    UUID,
    'true',
    '{"a": "x", "n": 1.0}',
    '{a,b}',
    'k_one',
    '{"city": "Paris", "zip": 7}',
    '{ADMIN}',
    '9007199254740993',
    '1',
    '1',
  ],
  [
    '2',
    'aBc',
    'x',
    '2',
    '1.1',
    '2024-05-05 10:00:00.123',
    '2024-05-06',
    '11:00:00',
    'abcd',
    null,
    'false',
    '[1, 2]',
    '{}',
    'K2',
    '{"city": null}',
    '{USER,ADMIN}',
    '9007199254740992',
    '2',
    '2',
  ],
  ['3', null, 'a%c', null, null, null, null, null, null, null, null, 'null', null, null, null, null, null, null, null],
  ['4', 'É\u{1F600}', null, '-1', '2', 'infinity', '1970-01-01', null, '', null, null, '"q\\"uote"', '{b,NULL}', 'K2', '{}', '{}', '1', '99', '1'],
]

/** `error`: ZenStack's statement fails. */
export type Answer = readonly number[] | 'error'

/** What ZenStack returns for a `where`; `asks` where memory leaves it to the database. */
export const WHERE_FACTS: readonly (readonly [fact: string, where: Record<string, unknown>, answer: Answer, memory?: 'asks'])[] = [
  ['AND of nothing is true', { AND: [] }, [1, 2, 3, 4]],
  ['AND of an empty filter is true', { AND: [{}] }, [1, 2, 3, 4]],
  ['OR of nothing is false', { OR: [] }, []],
  ['OR of an empty filter is false', { OR: [{}] }, []],
  ['OR of a filter that is only undefined is false', { OR: [{ s: undefined }] }, []],
  ['OR drops empty members', { OR: [{}, { i: 1 }] }, [1]],
  ['OR with an empty field filter is true', { OR: [{ s: {} }] }, [1, 2, 3, 4]],
  ['OR with AND of nothing is true', { OR: [{ AND: [] }] }, [1, 2, 3, 4]],
  ['NOT of nothing is true', { NOT: [] }, [1, 2, 3, 4]],
  ['NOT of an empty filter is true', { NOT: {} }, [1, 2, 3, 4]],
  ['NOT of several is NOT of their conjunction', { NOT: [{ i: 1 }, { i: 2 }] }, [1, 2, 4]],
  ['NOT of OR of nothing is true for every row', { NOT: { OR: [] } }, [1, 2, 3, 4]],
  ['undefined is no condition', { s: undefined, i: { gt: undefined } }, [1, 2, 3, 4]],
  ['sibling keys are ANDed', { i: { gt: 0 }, s: 'abc' }, [1]],
  ['NOT keeps rows whose conjunction is false in spite of a NULL', { NOT: { s: 'abc', i: 99 } }, [1, 2, 4]],
  ['equality leaves NULL out', { s: 'abc' }, [1]],
  ['not leaves NULL out', { s: { not: 'abc' } }, [2, 4]],
  ['notIn leaves NULL out', { s: { notIn: ['abc'] } }, [2, 4]],
  ['NOT leaves NULL out', { NOT: { s: 'abc' } }, [2, 4]],
  ['null is IS NULL', { s: null }, [3]],
  ['not null is IS NOT NULL', { s: { not: null } }, [1, 2, 4]],
  ['in nothing is false', { s: { in: [] } }, []],
  ['not in nothing is true, NULL included', { s: { notIn: [] } }, [1, 2, 3, 4]],
  ['an empty field filter is true, NULL included', { s: {} }, [1, 2, 3, 4]],
  ['not of nothing is false', { s: { not: {} } }, []],
  ['not of a comparison leaves NULL out', { i: { not: { gt: 1 } } }, [1, 4]],
  ['strings are ordered by code point', { s: { gt: 'É\uffff' } }, [4]],
  ['contains takes % for itself', { t: { contains: 'a%' } }, [3]],
  ['contains of nothing finds every text', { s: { contains: '' } }, [1, 2, 4]],
  ['insensitive equality uses lower() of the database', { s: { equals: 'ABC', mode: 'insensitive' } }, [1, 2]],
  ['insensitive search maps letters beyond ASCII', { s: { contains: 'é', mode: 'insensitive' } }, [4]],
  ['mode does not reach into not', { s: { not: 'abc', mode: 'insensitive' } }, [2, 4]],
  ['not has a mode of its own', { s: { not: { equals: 'ABC', mode: 'insensitive' } } }, [4]],
  ['a uuid has no LIKE', { u: { contains: 'a' } }, 'error', 'asks'],
  ['a uuid equals its other spelling', { u: UUID.toUpperCase() }, [1]],
  ['endsWith sees the blanks of char(n)', { c: { endsWith: 'b' } }, []],
  ['equality does not see the blanks of char(n)', { c: 'ab' }, [1]],
  ['decimals are equal whatever their scale', { d: 1.1 }, [1, 2]],
  ['microseconds count: not equal to their millisecond', { at: '2024-05-05T10:00:00.123Z' }, [2]],
  ['microseconds count: greater than their millisecond', { at: { gt: '2024-05-05T10:00:00.123Z' } }, [1, 4]],
  ['a date drops the time of its parameter', { day: '2024-05-05T10:00:00Z' }, [1]],
  ['a time of day cannot be filtered', { clock: { equals: '10:00:00' } }, 'error', 'asks'],
  ['between is inclusive', { i: { between: [1, 2] } }, [1, 2]],
  ['between does not turn around', { i: { between: [2, 1] } }, []],
  ['a list equals in order and length', { tags: { equals: ['a', 'b'] } }, [1]],
  ['has', { tags: { has: 'b' } }, [1, 4]],
  ['hasEvery of nothing is true but for NULL', { tags: { hasEvery: [] } }, [1, 2, 4]],
  ['hasEvery counts no repetition', { tags: { hasEvery: ['a', 'a'] } }, [1]],
  ['hasSome of nothing is false', { tags: { hasSome: [] } }, []],
  ['isEmpty leaves NULL lists out', { tags: { isEmpty: true } }, [2]],
  ['isEmpty: false leaves NULL lists out too', { tags: { isEmpty: false } }, [1, 4]],
  ['NOT has leaves NULL lists out', { NOT: { tags: { has: 'z' } } }, [1, 2, 4]],
  ['jsonb equality ignores the order of keys and the scale of numbers', { js: { equals: { n: 1, a: 'x' } } }, [1]],
  ['a JSON path finds the first match', { js: { path: '$.a', equals: 'x' } }, [1]],
  ['a JSON path wraps and unwraps', { js: { path: '$[0]', equals: 1 } }, [2]],
  ['DbNull at a path that is missing', { js: { path: '$.a', equals: DbNull } }, [2, 3, 4]],
  ['equals JsonNull', { js: { equals: JsonNull } }, [3]],
  ['not JsonNull', { js: { not: JsonNull } }, [1, 2, 4]],
  ['JSON strings are searched by their JSON text', { js: { string_contains: '"' } }, [4]],
  ['array_contains is containment', { js: { array_contains: 2 } }, [2]],
  ['array_starts_with', { js: { array_starts_with: 1 } }, [2]],
  ['array_ends_with fails on rows that are no arrays', { js: { array_ends_with: 2 } }, 'error', 'asks'],
  ['a bad JSON path fails', { js: { path: 'a.b', equals: 1 } }, 'error', 'asks'],
  ['an index of a JSON path with a leading zero fails', { js: { path: '$[00]', equals: 1 } }, 'error', 'asks'],
  ['members of typed JSON', { addr: { city: 'Paris' } }, [1]],
  ["a member that is JSON's null is not SQL's", { addr: { city: null } }, [3, 4]],
  ['isNot leaves rows without a value out', { addr: { isNot: { zip: 8 } } }, [1]],
  ['a mapped enum is asked by its member', { kind: 'K1' }, [1]],
  ['a to-one relation that is null is its key that is null', { owner: null }, [3]],
  ['is: null also finds rows whose related row is hidden', { owner: { is: null } }, [2, 3, 4], 'asks'],
]

/** What ZenStack lets each reader see under a policy. */
export const POLICY_FACTS: readonly (readonly [fact: string, policy: string, answers: Readonly<Partial<Record<Reader, Answer>>>, memory?: 'asks'])[] =
  [
    ['no rule lets nobody see anything', '', { nobody: [], ann: [] }],
    ["nobody's id equals an owner that is NULL", "@@allow('read', auth().id == ownerId)", { nobody: [3], ann: [1], bob: [2] }],
    ["nobody's id differs from every owner there is", "@@allow('read', auth().id != ownerId)", { nobody: [1, 2, 4], ann: [2, 4] }],
    ['auth() == owner is the same question', "@@allow('read', auth() == owner)", { nobody: [3], ann: [1] }],
    ['an order against nobody is unknown, also negated', "@@allow('read', !(i < auth().level))", { nobody: [], ann: [] }],
    ['auth() == null is a constant', "@@allow('read', auth() == null)", { nobody: [1, 2, 3, 4], ann: [] }],
    ['a column that is NULL is hidden by ==', "@@allow('read', s == 'abc')", { ann: [1] }],
    ['a column that is NULL is hidden by != too', "@@allow('read', s != 'abc')", { ann: [2, 4] }],
    ['a comparison with NULL stays hidden when negated', "@@allow('read', !(s == t))", { ann: [2] }],
    ['col == null is IS NULL', "@@allow('read', s == null)", { ann: [3] }],
    ['in a list of literals', "@@allow('read', s in ['abc', 'zzz'])", { ann: [1] }],
    ['not in a list hides NULL', "@@allow('read', !(s in ['abc']))", { ann: [2, 4] }],
    ["nobody's id is in no list", "@@allow('read', auth().id in [1, 2])", { nobody: [], ann: [1, 2, 3, 4] }],
    ["nobody's id is not in a list, and that is true", "@@allow('read', !(auth().id in [1, 2]))", { nobody: [1, 2, 3, 4], ann: [] }],
    ['in a list of auth() that is missing is unknown, also negated', "@@allow('read', !(s in auth().names))", { nobody: [], bob: [], ann: [2, 4] }],
    ['contains of nobody finds every text', "@@allow('read', contains(s, auth().email))", { nobody: [1, 2, 4], bob: [1, 2, 4], ann: [1, 2] }],
    ['contains ignoring case', "@@allow('read', contains(s, 'BC', true))", { ann: [1, 2] }],
    ['a text that is NULL contains nothing, and not contains neither', "@@allow('read', !contains(s, 'zzz'))", { ann: [1, 2, 4] }],
    ['isEmpty is never true', "@@allow('read', isEmpty(tags))", { ann: [] }],
    ['not isEmpty is true of lists with items only', "@@allow('read', !isEmpty(tags))", { ann: [1, 4] }],
    ['has of an enum list fails', "@@allow('read', has(kinds, K2))", { ann: 'error' }, 'asks'],
    ['hasEvery of nothing is true of every list', "@@allow('read', hasEvery(tags, []))", { ann: [1, 2, 4] }],
    ['hasSome with a missing list is unknown', "@@allow('read', hasSome(tags, auth().names))", { ann: [1], bob: [] }],
    ['a flag that is NULL is hidden', "@@allow('read', b)", { ann: [1] }],
    ['a negated flag that is NULL is hidden too', "@@allow('read', !b)", { ann: [2] }],
    ['a relation that is null', "@@allow('read', owner == null)", { ann: [3] }],
    ['a member of a related row', "@@allow('read', owner.level > 1)", { ann: [1] }, 'asks'],
    ['members of a related row ignore its own policies', "@@allow('read', owner.level > 0)", { ann: [1, 2] }, 'asks'],
    ['membership of one hop', "@@allow('read', space.members?[userId == auth().id])", { ann: [1, 4], bob: [2] }, 'asks'],
    [
      'a predicate over a list of nobody is unknown for all quantifiers',
      "@@allow('read', auth().orgs?[role == 'ADMIN'] || auth().orgs![role == 'ADMIN'] || auth().orgs^[role == 'ADMIN'])",
      { nobody: [], ann: [1, 2, 3, 4], bob: [1, 2, 3, 4] },
    ],
    ['... and stays unknown when negated', "@@allow('read', !(auth().orgs?[role == 'ADMIN']))", { nobody: [], bob: [1, 2, 3, 4] }],
    ['a predicate with this is unrolled', "@@allow('read', auth().orgs?[id == this.i])", { nobody: [], ann: [1], bob: [] }],
    ['a mapped enum with ==', "@@allow('read', kind == K1)", { ann: [1] }],
    ['a mapped enum in a list never matches its mapped members', "@@allow('read', kind in [K1, K2])", { ann: [2, 4] }],
    [
      'check() asks the policies of the related row, which see what its field policies hide',
      "@@allow('read', check(space))",
      { ann: [1, 2, 4] },
      'asks',
    ],
    ['check() of a row that is not there is unknown, also negated', "@@allow('read', !check(space))", { ann: [] }, 'asks'],
    ['check() asks the rules of the operation it names', "@@allow('read', check(space, 'update'))", { ann: [] }, 'asks'],
    ['any of a predicate is false, not unknown, where items are unknown', "@@allow('read', !(space.members?[userId == 1]))", { ann: [2] }, 'asks'],
    ['auth() != null is a constant', "@@allow('read', auth() != null)", { nobody: [], ann: [1, 2, 3, 4] }],
    ['auth() != owner is NOT of the same question', "@@allow('read', auth() != owner)", { nobody: [1, 2, 4], ann: [2, 4] }],
    ['contains takes % for itself', "@@allow('read', contains(t, '%'))", { ann: [3] }],
    ['a member in an enum list', "@@allow('read', ADMIN in roles)", { ann: [1, 2] }],
    ['a big literal loses its last digits', "@@allow('read', big == 9007199254740993)", { ann: [2] }],
    ['a related row that is not there is unknown, also negated', "@@allow('read', !(owner.level > 1))", { ann: [2] }, 'asks'],
    ['every of a predicate lets unknown items pass', "@@allow('read', space.members![userId != 1])", { ann: [2] }, 'asks'],
    ['none of a predicate is unknown without the row between', "@@allow('read', space.members^[userId == 1])", { ann: [2] }, 'asks'],
    ['in lists of auth() two equal dates are not equal', "@@allow('read', auth().orgs?[at == auth().since])", { ann: [] }],
    ['in lists of auth() a bigint is not equal to its number', "@@allow('read', auth().orgs?[big == 1])", { ann: [] }],
    ['in lists of auth() two Decimals of one value are not equal', "@@allow('read', auth().orgs?[price == auth().balance])", { ann: [] }],
    ['in lists of auth() not null is true', "@@allow('read', auth().orgs?[!(big > 1)])", { eve: [1, 2, 3, 4] }],
    ['an item of auth() that is null asks for NULL', "@@allow('read', auth().orgs?[note == this.s])", { eve: [3] }],
    ['every item is unrolled, and nothing is every', "@@allow('read', auth().orgs![id == this.i])", { ann: [1], bob: [1, 2, 3, 4] }],
    ['none of the items is unrolled, and nothing is none', "@@allow('read', auth().orgs^[id == this.i])", { ann: [2, 4], bob: [1, 2, 3, 4] }],
    ['a mapped member left of its column fails', "@@allow('read', auth().kind == kind)", { eve: 'error' }, 'asks'],
    ['... also in a predicate over other rows', "@@allow('read', i == 1 || space.members?[auth().kind == kind])", { eve: 'error' }, 'asks'],
    [
      'a fraction of auth() beside whole numbers of other rows fails',
      "@@allow('read', i == 1 || space.members?[userId == auth().balance])",
      { max: 'error' },
      'asks',
    ],
    ['currentOperation() of a read', "@@allow('read', currentOperation() == 'read')", { ann: [1, 2, 3, 4] }],
    ['now()', "@@allow('read', at < now())", { ann: [1, 2] }],
    ['currentModel() in upper case', "@@allow('read', currentModel('upper') == 'NOT_ME')", { ann: [] }],
    ['a deny that is unknown does not deny', "@@allow('read', true) @@deny('read', s == 'abc')", { ann: [2, 3, 4] }],
    ['one of several allows is enough', "@@allow('read', i == 1) @@allow('read', i == 2)", { ann: [1, 2] }],
    ['all covers reading', "@@allow('all', i == 1)", { ann: [1] }],
    ['rules for other operations do not matter', "@@allow('update', true)", { ann: [] }],
    ['a list of auth() beyond its type fails', "@@allow('read', big in auth().bigs)", { max: 'error' }, 'asks'],
    ['... also where no column is asked for', "@@allow('read', 1 in auth().nums)", { max: 'error' }, 'asks'],
    ['a date of auth() against microseconds', "@@allow('read', at == auth().since)", { ann: [2] }],
  ]
