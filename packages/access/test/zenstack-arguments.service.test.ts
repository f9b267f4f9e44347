import { validateArgs } from '@zenstack-live/access'
import { errorCodeOf } from '@zenstack-live/protocol'
import { HEAD_LINES, loadSchema, SchemaProblem } from '@zenstack-live/testing/oracle'
import { AnyNull, DbNull, JsonNull } from '@zenstackhq/orm'
import type { Expression, SchemaDef } from '@zenstackhq/schema'
import { beforeAll, describe, expect, it } from 'vitest'

const ZMODEL = `
enum Kind { K1 K2 }
type Line { text String? }
type Address { city String? lines Line[] }
model User { id Int @id name String? notes Note[] written Note[] @relation('writer') @@auth @@allow('read', true) }
model Note {
  id Int @id
  a Int
  b Int
  s String
  o String?
  f Float?
  big BigInt?
  d Decimal?
  at DateTime?
  flag Boolean?
  kind Kind?
  by Bytes?
  js Json?
  ad Address? @json
  ads Address[] @json
  tags String[]
  kinds Kind[]
  hidden Unsupported('interval')?
  writerId Int
  writer User @relation('writer', fields: [writerId], references: [id])
  ownerId Int?
  owner User? @relation(fields: [ownerId], references: [id])
  @@unique([a, b])
  @@allow('read', true)
}`

let client: { $schema: SchemaDef; $options: object }

beforeAll(async () => {
  client = { $schema: await loadSchema(ZMODEL), $options: {} }
}, 60_000)

function isAccepted(operation: string, args: unknown): boolean {
  try {
    validateArgs(client, 'Note', operation, args)
    return true
  } catch (error) {
    expect(errorCodeOf(error)).toBe('bad_arguments')
    return false
  }
}

describe('what ZenStack takes for a filter', () => {
  it.each<[fact: string, ...accepted: object[]]>([
    ['a big integer is a bigint or a whole number', { big: 1n }, { big: 1 }],
    ['a decimal is a number or a text', { d: 1.5 }, { d: '1.5' }],
    ['a time is a Date, any text that JavaScript reads as one, or a time of day', { at: new Date() }, { at: '2024-05-05' }, { at: '10:00:00' }],
    [
      'bytes are compared by equals, in and not',
      { by: { equals: Uint8Array.of(1) } },
      { by: { in: [Uint8Array.of(1)] } },
      { by: { not: Uint8Array.of(1) } },
    ],
    ['null stands for a value where the field is optional', { o: null }, { o: { equals: null } }, { o: { not: null } }, { owner: null }],
    ['AND and NOT take one filter or several', { AND: { a: 1 } }, { AND: [{ a: 1 }] }, { NOT: { a: 1 } }, { NOT: [{ a: 1 }] }, { OR: [] }],
    [
      'typed JSON is asked by its members, whole, or as plain JSON',
      { ad: { city: 'x' } },
      { ad: { is: { city: 'x' } } },
      { ad: { equals: 1 } },
      { ad: DbNull },
    ],
    ['the three nulls of JSON', { js: { equals: DbNull } }, { js: { equals: JsonNull } }, { js: { equals: AnyNull } }],
    ['lists within typed JSON have some, every and none', { ad: { lines: { some: { text: 'x' } } } }],
    ['lists of enums have the filters of other lists', { kinds: { has: 'K1' } }, { kinds: { equals: ['K1'] } }, { kinds: { isEmpty: true } }],
    ['`$expr` is a function', { $expr: () => true }],
  ])('%s', (_fact, ...filters) => {
    for (const where of filters) expect([where, isAccepted('findMany', { where })]).toEqual([where, true])
  })

  it.each<[fact: string, ...refused: object[]]>([
    ['keys that it does not know', { nope: 1 }, { s: { nope: 1 } }, { s: { search: 'x' } }, { s: { _ref: 'o' } }],
    ['null where the field or relation is not optional', { s: null }, { s: { equals: null } }, { tags: null }, { writer: null }],
    ['paths of JSON that are lists', { js: { path: ['a'], equals: 1 } }],
    ['NaN', { f: NaN }, { f: { gt: NaN } }],
    ['nothing within in and notIn', { o: { in: [null] } }, { o: { notIn: [undefined] } }],
    ['OR of a single filter', { OR: { a: 1 } }],
    ['JSON without an operator', { js: 1 }, { js: 'x' }],
    [
      'order of booleans, enums and bytes',
      { flag: { gt: false } },
      { kind: { gt: 'K1' } },
      { by: { gt: Uint8Array.of(1) } },
      { flag: { in: [true] } },
    ],
    ['filters within not of bytes', { by: { not: { equals: Uint8Array.of(1) } } }],
    ['not of lists, and lists as values', { tags: { not: ['a'] } }, { tags: ['a'] }, { tags: { equals: null } }],
    ['some, every and none of a list of typed JSON', { ads: { some: { city: 'x' } } }, { ads: { every: {} } }],
    ['full text and fuzzy search of fields that are not declared so', { s: { fts: { search: 'x' } } }, { s: { fuzzy: { search: 'x' } } }],
    ['members of enums that do not exist', { kind: 'K3' }],
    ['fields that are Unsupported', { hidden: 'P1D' }],
    ['aggregates outside of having', { _count: { a: 1 } }, { a: { _avg: { gt: 1 } } }],
    ['an expression that is no function', { $expr: 'true' }, { $expr: {} }],
  ])('refuses %s', (_fact, ...filters) => {
    for (const where of filters) expect([where, isAccepted('findMany', { where })]).toEqual([where, false])
  })

  it('takes a time of day for one of 1970-01-01', () => {
    expect(validateArgs(client, 'Note', 'findMany', { where: { at: '10:00:00' } })).toEqual({ where: { at: new Date('1970-01-01T10:00:00Z') } })
  })

  it('takes compound keys only where one row is asked for', () => {
    expect(isAccepted('findUnique', { where: { a_b: { a: 1, b: 2 } } })).toBe(true)
    expect(isAccepted('findMany', { where: { a_b: { a: 1, b: 2 } } })).toBe(false)
  })
})

const REFUSED: readonly (readonly [fact: string, rule: string, field?: string])[] = [
  ['order of texts', "@@allow('read', s < 'a')"],
  ['functions of validation', "@@allow('read', length(s) > 1)"],
  ['regular expressions', "@@allow('read', regex(s, 'a'))"],
  ['rows compared with rows that are not auth()', "@@allow('read', owner == owner)"],
  ['check() of many rows', "@@allow('read', check(kids))"],
  ['before() in rules for reading', "@@allow('read', before().n == 1)"],
  ['a bare this', "@@allow('read', this)"],
  ['a bare binding', "@@allow('read', kids?[kid, kid])"],
  ['a bare binding as an operand', "@@allow('read', auth().docs0?[doc, doc == this])"],
  ['circles of check()', "@@allow('read', check(parent))"],
  ['an override in policies of fields', '', "x String? @allow('read', true, true)"],
  ['policies of relations', '', "boss User? @allow('read', true)"],
  ['policies of computed fields', '', "twice Int @computed @allow('read', true)"],
]

/** One model to a line, with one rule each. */
function docs(rules: readonly (readonly [string, string, string?])[]): string {
  const lines = rules.map(
    ([, rule, field = ''], index) =>
      `model Doc${index} { id Int @id s String? n Int? at DateTime? ${field}
 ownerId Int? owner User? @relation('owner${index}', fields: [ownerId], references: [id]) kids Doc${index}[] @relation('kids${index}') parentId Int? parent Doc${index}? @relation('kids${index}', fields: [parentId], references: [id])
 ${rule} }`,
  )
  return [
    `model User { id Int @id ${rules.map((_, index) => `docs${index} Doc${index}[] @relation('owner${index}')`).join('\n')} @@auth }`,
    ...lines,
  ].join('\n')
}

describe("what ZenStack's language takes for a policy", () => {
  let complaints: ReadonlySet<string>

  beforeAll(async () => {
    const text = docs(REFUSED)
    const problem: unknown = await loadSchema(text).catch((error: unknown) => error)
    const lines = text.split('\n')
    const modelAt = (line: number): string | undefined => {
      for (let place = line - HEAD_LINES - 1; place >= 0; place--) {
        const name = /^model (\w+)/.exec(lines[place] ?? '')?.[1]
        if (name !== undefined) return name
      }
      return undefined
    }
    complaints = new Set(problem instanceof SchemaProblem ? problem.lines.map((line) => modelAt(line) ?? '') : [])
  }, 60_000)

  it.each(REFUSED.map(([fact], index) => [fact, index] as const))('refuses %s', (_fact, index) => {
    expect(complaints).toContain(`Doc${index}`)
  })

  // What does not parse or is not there hides all other complaints, so each of these stands alone.
  it.each([
    ['operator of one operand but !', '!(n < 1)', '-n < 1'],
    ['search()', "contains(s, 'a')", "search(s, 'a')"],
  ])('knows no %s', async (_fact, known, unknown) => {
    await expect(loadSchema(docs([['', `@@allow('read', ${known})`]]))).resolves.toBeDefined()
    await expect(loadSchema(docs([['', `@@allow('read', ${unknown})`]]))).rejects.toThrow()
  })

  it('orders numbers and times', async () => {
    await expect(loadSchema(docs([['', "@@allow('read', n < 1 && at > now())"]]))).resolves.toBeDefined()
  })

  it('writes members of enums as their names, big numbers as doubles, and inherited rules into what inherits them', async () => {
    const schema = await loadSchema(`enum Kind { K1 @map('k_one') K2 }
      type Shared { note String? @@allow('read', note == 'shared') }
      model Base { id Int @id big BigInt? type String @@delegate(type) @@allow('read', big == 9007199254740993) }
      model Sub extends Base with Shared { kind Kind? @@deny('read', kind == K1) }`)
    const conditions = (model: string): unknown[] =>
      (schema.models[model]?.attributes ?? []).flatMap(({ name, args }) => (/^@@(allow|deny)$/.test(name) ? [rightOf(args?.[1]?.value)] : []))
    expect(conditions('Base')).toEqual([9_007_199_254_740_992])
    expect(new Set(conditions('Sub'))).toEqual(new Set([9_007_199_254_740_992, 'shared', 'K1']))
  })
})

it('leaves policies and names of tables out of the schema for browsers', async () => {
  const text = `model User { id Int @id name String? @map('full name') @@map('people') @@allow('read', true) }`
  const attributesOf = ({ models }: SchemaDef): unknown[] => [models['User']?.attributes, models['User']?.fields['name']?.attributes]
  expect(attributesOf(await loadSchema(text))).not.toContain(undefined)
  expect(attributesOf(await loadSchema(text, { isLite: true }))).toEqual([undefined, undefined])
})

function rightOf(expression: Expression | undefined): unknown {
  return expression?.kind === 'binary' && expression.right.kind === 'literal' ? expression.right.value : expression
}
