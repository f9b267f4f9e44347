import { compileSort } from '@zenstack-live/access'
import { createDatabase } from '@zenstack-live/testing'
import { loadSchema, openOracle, rowsOf } from '@zenstack-live/testing/oracle'
import { describe, expect, inject, it } from 'vitest'

const ZMODEL = `
enum Mood { HAPPY SAD @map('sad one') ANGRY }
model Row { id Int @id
  s String?
  c String? @db.Char(4)
  i Int?
  big BigInt?
  f Float?
  d Decimal?
  at DateTime?
  day DateTime? @db.Date
  b Boolean?
  m Mood?
  u String? @db.Uuid
  by Bytes?
  tags String[]
  js Json?
  @@allow('all', true) }`

const VALUES: Record<string, readonly (string | null)[]> = {
  s: ['', 'a', 'ab', 'B', 'é', '\u{1F600}', '\uffff', null, 'a b', 'a\u0001', 'Z', 'zz'],
  c: ['a', 'ab', 'b', '', null],
  i: ['0', '-1', '1', '2147483647', '-2147483648', null],
  big: ['9007199254740993', '9007199254740992', '-9223372036854775808', '0', null],
  f: ['0', '-0', '1.5', '-1.5', 'NaN', 'Infinity', '-Infinity', '5e-324', null],
  d: ['0', '1.1', '1.10', '-1.1', '-11', '123456789012345678901234567890', '1e-20', '-1e-20', 'NaN', 'Infinity', '-Infinity', '12', '2', null],
  at: ['2024-05-05 10:00:00.000001', '2024-05-05 10:00:00', '1969-12-31', '0044-01-01 BC', 'infinity', '-infinity', null],
  day: ['2024-05-05', '1969-12-31', null],
  b: ['true', 'false', null],
  m: ['HAPPY', 'sad one', 'ANGRY', null],
  u: ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '00000000-0000-0000-0000-000000000000', null],
  by: ['\\x', '\\x00', '\\x0001', '\\xff', null],
}

describe('the order of rows', () => {
  it("is Postgres's own, for every type, both directions and all places of NULL", async () => {
    const schema = await loadSchema(ZMODEL)
    const oracle = await openOracle(await createDatabase(inject('postgresUrl')), schema)
    try {
      const names = Object.keys(VALUES)
      await oracle.insert(
        '"Row"',
        ['id', ...names],
        Array.from({ length: 60 }, (_, index) => [
          String(index),
          ...names.map((name, place) => VALUES[name]?.[(index * (place + 3) + (index >> 2)) % (VALUES[name]?.length ?? 1)] ?? null),
        ]),
      )
      const data = await oracle.dataModel(schema)
      const rows = rowsOf(data, 'Row', (await oracle.capture())('public.Row'))
      const client = oracle.client(schema) as unknown as { row: { findMany(args: unknown): Promise<{ id: number }[]> } }
      const orders: unknown[] = names.flatMap((name) => [
        { [name]: 'asc' },
        { [name]: 'desc' },
        { [name]: { sort: 'asc', nulls: 'first' } },
        { [name]: { sort: 'desc', nulls: 'last' } },
        [{ b: 'desc' }, { [name]: 'asc' }],
        [{ m: { sort: 'desc', nulls: 'first' } }, { [name]: 'desc' }],
      ])
      for (const orderBy of [undefined, ...orders]) {
        const sort = compileSort(data, 'Row', orderBy)
        if (sort === 'ask-database') throw new Error(`${JSON.stringify(orderBy)} is left to the database.`)
        const expected = (await client.row.findMany({ orderBy: sort.orderBy, select: { id: true } })).map(({ id }) => id)
        const keyed = rows.map(({ key, row }) => ({ id: Number(key), sort: sort.sortKey(row) ?? '' }))
        keyed.sort((a, b) => (a.sort < b.sort ? -1 : a.sort > b.sort ? 1 : 0))
        expect(
          keyed.map(({ id }) => id),
          JSON.stringify(orderBy),
        ).toEqual(expected)
      }
      for (const orderBy of [{ tags: 'asc' }, { js: 'asc' }, { nope: 'asc' }]) expect(compileSort(data, 'Row', orderBy)).toBe('ask-database')
    } finally {
      await oracle.close()
    }
  })
})
