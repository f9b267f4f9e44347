import { compileRowPlan } from '@zenstack-live/access'
import { presentRow, type DataModel } from '@zenstack-live/model'
import { createDatabase } from '@zenstack-live/testing'
import { loadSchema, openOracle, rowsOf, type Client, type Oracle } from '@zenstack-live/testing/oracle'
import type { RawRow } from '@zenstack-live/protocol'
import { AnyNull, DbNull, JsonNull, ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import type { SchemaDef } from '@zenstackhq/schema'
import { Decimal } from 'decimal.js'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'

const ZMODEL = `
type Address { city String? zip Int? path String? tags String[] }
model User { id Int @id level Int? salary Int? @allow('read', auth().id == 1) notes Note[] @@auth @@allow('read', id < 3) }
model Kid { id Int @id n Int? isHidden Boolean noteId Int? note Note? @relation(fields: [noteId], references: [id]) @@allow('read', !isHidden) }
model Label { id Int @id isHidden Boolean notes Note[] @@allow('read', !isHidden) }
model Note {
  id Int @id
  s String?
  ci String? @db.Citext
  pad String? @db.Char(4)
  f Float?
  r Float? @db.Real
  d Decimal?
  big BigInt?
  at DateTime?
  clock DateTime? @db.Time(6)
  js Json?
  ad Address? @json
  ads Address[] @json
  tags String[]
  decs Decimal[]
  secret String? @omit
  ownerId Int?
  owner User? @relation(fields: [ownerId], references: [id])
  kids Kid[]
  labels Label[]
  @@allow('read', true)
}`

const NAMES = 'id s ci pad f r d big at clock js ad ads tags decs secret ownerId'.split(' ')
const ROWS: readonly (readonly (string | null)[])[] = [
  '1|é|Hello|ab|0.30000000000000004|3.3|NaN|9007199254740993|2024-05-05 10:00:00|10:30:00|[{"a":1,"b":2}]|{"city":"Paris","tags":["a"],"path":"x"}|[{"city":"a"}]|{a}|{1.5}|x|1',
  '2|e\u0301|hello||NaN|NaN|1|9007199254740992|||{"0":"zero"}|{"city":null}||{b,NULL}|{}||2',
  '3|ΑΣ|||Infinity|0.1|Infinity|1|||null|||{}|||3',
  '4|||||||||||||||| ',
  '5|\u{1F600}||||1.0000001||||| "aBc"|{"city":"Rome"}|||||',
  '6|\u0130|||||||||||||||',
].map((line) => line.split('|').map((cell) => (cell.trim() === '' ? null : cell)))

let oracle: Oracle
let schema: SchemaDef
/** One for all: ZenStack makes its validators anew for every client. */
let zenstack: Client
let data: DataModel
let raw: RawRow[]

type Finder = Record<string, { findMany(args: unknown): Promise<Record<string, unknown>[]> }>

async function fromZenStack(where: unknown, userId: number): Promise<number[] | 'error'> {
  const client = zenstack.$setAuth({ id: userId }) as unknown as Finder
  try {
    return ((await client['Note']?.findMany({ where, select: { id: true }, orderBy: { id: 'asc' } })) ?? []).map((record) => Number(record['id']))
  } catch {
    return 'error'
  }
}

function fromMemory(where: unknown, userId: number): { yes: number[]; asked: number } {
  const plan = compileRowPlan(data, { model: 'Note', where, isPolicyOn: true })
  const verdicts = rowsOf(data, 'Note', raw).map(({ key, row }) => [Number(key), plan.decide(row, { auth: { id: userId }, now: 0 })] as const)
  return {
    yes: verdicts.filter(([, verdict]) => verdict === true).map(([id]) => id),
    asked: verdicts.filter(([, verdict]) => verdict === 'ask-database').length,
  }
}

beforeAll(async () => {
  schema = await loadSchema(ZMODEL)
  const url = await createDatabase(inject('postgresUrl'))
  const setup = new pg.Client(url)
  await setup.connect()
  await setup.query('CREATE EXTENSION citext')
  await setup.end()
  oracle = await openOracle(url, schema)
  await oracle.pool.query('CREATE TABLE "_LabelToNote" ("A" int, "B" int, PRIMARY KEY ("A", "B"))')
  await oracle.pool.query('INSERT INTO "User" VALUES (1, 1, 10), (2, 2, 20), (3, 3, 30)')
  await oracle.insert('"Note"', NAMES, ROWS)
  await oracle.pool.query(`INSERT INTO "Kid" VALUES (1, 1, false, 1), (2, 2, false, 1), (3, NULL, false, 2), (4, 5, true, 3)`)
  await oracle.pool.query('INSERT INTO "Label" VALUES (1, false), (2, true)')
  await oracle.pool.query('INSERT INTO "_LabelToNote" VALUES (1, 1), (2, 2)')
  raw = (await oracle.capture())('public.Note')
  data = await oracle.dataModel(schema)
  zenstack = oracle.client(schema)
}, 120_000)

afterAll(() => oracle.close())

describe('values of columns, as ZenStack compares them and memory does', () => {
  it.each<[fact: string, where: object, answer: number[]]>([
    ['text is equal byte by byte, without normalization', { s: 'é' }, [1]],
    ['text is ordered by code point, beyond U+FFFF too', { s: { gt: '\uffff' } }, [5]],
    ['order leaves NULL out', { s: { lt: 'z' } }, [2]],
    ['lower() knows no final sigma', { s: { contains: 'σ', mode: 'insensitive' } }, [3]],
    ['order ignoring case compares lower() of both', { s: { lte: 'É', mode: 'insensitive' } }, [1, 2, 6]],
    ['lower() of the database maps a dotted capital I to one letter, where JavaScript makes two', { s: { equals: 'i', mode: 'insensitive' } }, [6]],
    ['what JavaScript makes of it is something else', { s: { equals: 'i\u0307', mode: 'insensitive' } }, []],
    ['floats are equal as doubles', { f: 0.3 }, []],
    ['NaN is greater than every number, and infinity less than NaN', { f: { gt: 1e308 } }, [2, 3]],
    ['NaN of numeric too', { d: { gt: '1e300' } }, [1, 3]],
    ['NaN of numeric is equal to itself', { d: 'NaN' }, [1]],
    ['a real is equal to what the parameter is rounded to', { r: 3.3 }, [1]],
    ['decimals are equal whatever their scale, given as text', { d: '1.00' }, [2]],
    ['decimals are taken as Decimal too', { d: new Decimal('1.0') }, [2]],
    ['big integers are exact, given as bigint', { big: 9_007_199_254_740_993n }, [1]],
    ['big integers are taken as numbers too', { big: 1 }, [3]],
    ['equals DbNull is IS NULL', { js: { equals: DbNull } }, [4, 6]],
    ['equals null is IS NULL', { js: { equals: null } }, [4, 6]],
    ["equals JsonNull is JSON's null", { js: { equals: JsonNull } }, [3]],
    ['equals AnyNull is either', { js: { equals: AnyNull } }, [3, 4, 6]],
    ['not of a JSON value leaves NULL out', { js: { not: 1 } }, [1, 2, 3, 5]],
    ['not JsonNull lets NULL in', { js: { not: JsonNull } }, [1, 2, 4, 5, 6]],
    ['not DbNull is IS NOT NULL', { js: { not: DbNull } }, [1, 2, 3, 5]],
    ['JSON strings are searched ignoring case', { js: { string_contains: 'ABC', mode: 'insensitive' } }, [5]],
    ['only JSON strings are searched', { js: { string_contains: 'zero' } }, []],
    ['array_contains takes a part of an object', { js: { array_contains: { a: 1 } } }, [1]],
    ['array_starts_with takes the member "0" of an object too', { js: { array_starts_with: 'zero' } }, [2]],
    ["not of a member of typed JSON leaves NULL out, but not JSON's null", { ad: { city: { not: 'Paris' } } }, [2, 5]],
    ['items of lists that are NULL never match', { tags: { has: 'b' } }, [2]],
    ['a list with a NULL item equals nothing', { tags: { equals: ['b'] } }, []],
    ['isEmpty of numeric lists is true of those that are not', { decs: { isEmpty: true } }, [1]],
    ['an omitted field is filtered by all the same', { secret: 'x' }, [1]],
    ['within typed JSON what stands for operators of JSON is a name of a member', { ad: { is: { path: 'x' } } }, [1]],
  ])('%s', async (_fact, where, answer) => {
    expect(await fromZenStack(where, 1)).toEqual(answer)
    expect(fromMemory(where, 1)).toEqual({ yes: answer, asked: 0 })
  })
})

describe('what memory leaves to ZenStack', () => {
  it.each<[fact: string, where: object, answer: number[] | 'error', userId?: number]>([
    ['citext ignores case in the database', { ci: 'HELLO' }, [1, 2]],
    ['a list within typed JSON fails', { ad: { tags: { has: 'a' } } }, 'error'],
    ['a JSON filter of nothing fails', { js: {} }, 'error'],
    ['a JSON filter of undefined is one of nothing', { js: { equals: undefined } }, 'error'],
    ['... but within a list it is no condition', { AND: [{ js: { equals: undefined } }] }, [1, 2, 3, 4, 5, 6]],
    ['within typed JSON there are no operators of JSON', { ad: { is: { equals: 1 } } }, 'error'],
    ['a real is equal to what the text of the parameter is rounded to: the middle of two singles may go either way', { r: 1 + 2 ** -24 }, [5]],
    ['a path may hold filters of its own', { js: { path: '$[*] ? (@.a == 1).b', equals: 2 } }, [1]],
    ['a to-one relation finds what the related row answers', { owner: { level: 1 } }, [1]],
    ['a related row that the reader may not see is not there', { owner: { level: 3 } }, []],
    ['isNot lets in rows without a related row', { owner: { isNot: { level: 1 } } }, [2, 3, 4, 5, 6]],
    ['a related field that the reader may read', { owner: { salary: 10 } }, [1]],
    ['a related field that the reader may not read is NULL', { owner: { salary: { not: null } } }, [], 2],
    ['some', { kids: { some: { n: 1 } } }, [1]],
    ['every lets unknown and hidden children pass', { kids: { every: { n: 1 } } }, [2, 3, 4, 5, 6]],
    ['every of nothing is true without children', { kids: { every: {} } }, [1, 2, 3, 4, 5, 6]],
    ['none', { kids: { none: { n: 1 } } }, [2, 3, 4, 5, 6]],
    ['none of nothing is true where no child can be seen', { kids: { none: {} } }, [3, 4, 5, 6]],
    ['many-to-many goes through the table between, to rows that can be seen', { labels: { some: {} } }, [1]],
  ])('%s', async (_fact, where, answer, userId = 1) => {
    expect(await fromZenStack(where, userId)).toEqual(answer)
    const { yes, asked } = fromMemory(where, userId)
    expect({ yes, isAsked: asked > 0 }).toEqual({ yes: [], isAsked: true })
  })

  it('computed fields are filtered like others, by SQL of their own', async () => {
    const computed = await loadSchema(`model Note { id Int @id doubled Int @computed @@allow('all', true) }`)
    const options = {
      dialect: new PostgresDialect({ pool: oracle.pool }),
      computedFields: { Note: { doubled: (eb: { ref(name: string): unknown }) => eb.ref('id') } },
    }
    const client = new ZenStackClient(computed, options as never) as unknown as Finder
    expect(await client['Note']?.findMany({ where: { doubled: 3 }, select: { id: true } })).toEqual([{ id: 3 }])
    const plan = compileRowPlan(await oracle.dataModel(computed), { model: 'Note', where: { doubled: 3 }, isPolicyOn: true })
    expect(plan.isLocal).toBe(false)
    expect(plan.decide({ id: 3 }, { auth: null, now: 0 })).toBe('ask-database')
  })
})

describe('a record', () => {
  it('shows NULL lists as empty, both nulls of JSON as null, times on the first day, timestamps in UTC, and no omitted field', async () => {
    const client = zenstack.$setAuth({ id: 1 }) as unknown as Finder
    const records = (await client['Note']?.findMany({ orderBy: { id: 'asc' } })) ?? []
    expect(records[0]).toMatchObject({
      at: new Date('2024-05-05T10:00:00Z'),
      clock: new Date('1970-01-01T10:30:00Z'),
      pad: 'ab  ',
      big: 9_007_199_254_740_993n,
    })
    expect(records[0]).not.toHaveProperty('secret')
    expect([records[2]?.['js'], records[3]?.['js'], records[3]?.['tags'], records[3]?.['decs']]).toEqual([null, null, [], []])
    const plan = compileRowPlan(data, { model: 'Note', isPolicyOn: true })
    expect(rowsOf(data, 'Note', raw).map(({ row }) => presentRow(plan.model, row))).toEqual(records)
  })

  it('shows an omitted field to whoever asks for it, unless the client forbids that', async () => {
    const client = zenstack as unknown as Finder
    const where = { id: 1 }
    expect(await client['Note']?.findMany({ where, select: { secret: true } })).toEqual([{ secret: 'x' }])
    expect((await client['Note']?.findMany({ where, omit: { secret: false } }))?.[0]).toMatchObject({ secret: 'x' })
    const strict = new ZenStackClient(schema, { dialect: new PostgresDialect({ pool: oracle.pool }), allowQueryTimeOmitOverride: false } as never)
    await expect((strict as unknown as Finder)['Note']?.findMany({ where, omit: { secret: false } })).rejects.toThrow()
  })
})
