import {
  createDataModel,
  decodeRow,
  parseExactChange,
  presentRow,
  readCatalog,
  rowKey,
  rowKeyOfRecord,
  tableKey,
  type DataModel,
} from '@zenstack-live/model'
import { createDatabase } from '@zenstack-live/testing'
import { loadSchema, openOracle, type Oracle } from '@zenstack-live/testing/oracle'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'

const ZMODEL = `
enum Kind { K1 @map('k one') K2 @@map('the_kind') }
model Thing { a Int b String @map('B b') kind Kind? big BigInt? at DateTime? tz DateTime? @db.Timestamptz(6) owner User? @relation(fields: [ownerId], references: [id]) ownerId Int? @map('owner_id')
  tags Tag[] secret String? @omit @@id([a, b]) @@map('my things') @@allow('all', true) }
model User { id Int @id things Thing[] @@allow('all', true) }
model Tag { id Int @id @@allow('all', true) posts Post[] @relation('labels') }
model Post { id Int @id tags Tag[] @relation('labels') friends Post[] @relation('friends') friendOf Post[] @relation('friends') @@allow('all', true) }
model Asset { id Int @id type String @@delegate(type) @@allow('all', true) }
model Video extends Asset { length Int? }
`.replace('tags Tag[] secret', 'secret')

let oracle: Oracle
let data: DataModel

beforeAll(async () => {
  const schema = await loadSchema(ZMODEL)
  oracle = await openOracle(await createDatabase(inject('postgresUrl')), schema)
  await oracle.pool.query('CREATE TABLE "_labels" ("A" int, "B" int, PRIMARY KEY ("A", "B"))')
  await oracle.pool.query('ALTER TABLE "_labels" REPLICA IDENTITY FULL')
  data = await oracle.dataModel(schema)
}, 120_000)

afterAll(() => oracle.close())

describe('a schema against its database', () => {
  it('finds models by their tables and fields by their columns', () => {
    const thing = data.models.get('Thing')
    expect(thing?.table).toEqual({ schema: 'public', name: 'my things' })
    expect(data.table('public', 'my things')).toBe(thing)
    expect(thing?.fieldsByColumn.get('owner_id')?.name).toBe('ownerId')
    expect(thing?.idFields).toEqual(['a', 'b'])
    expect(thing?.refusal).toBeUndefined()
    expect(data.table('public', 'nothing')).toBeUndefined()
  })

  it('knows the labels of a mapped enum in the order of its type', () => {
    const labels = data.models.get('Thing')?.fields.get('kind')?.labels
    expect(labels?.labelOf.get('K1')).toBe('k one')
    expect(labels?.memberOf.get('k one')).toBe('K1')
    expect(labels?.order).toEqual(['k one', 'K2'])
  })

  it('knows which relations Postgres enforces', () => {
    expect(data.models.get('Thing')?.relations.get('owner')).toMatchObject({
      keyIn: 'own',
      isEnforced: true,
      pairs: [{ own: 'ownerId', other: 'id' }],
    })
    expect(data.models.get('User')?.relations.get('things')).toMatchObject({ keyIn: 'other', isList: true, pairs: [{ own: 'id', other: 'ownerId' }] })
  })

  it('names the tables of implicit many-to-many relations, and refuses the one that is missing', () => {
    const byName = new Map(data.joinTables.map((table) => [tableKey(table.table), table]))
    expect(byName.get('public._labels')).toMatchObject({
      ends: [
        { column: 'A', model: 'Post' },
        { column: 'B', model: 'Tag' },
      ],
    })
    expect(byName.get('public._labels')?.refusal).toBeUndefined()
    expect(byName.get('public._friends')).toMatchObject({ ends: [{ field: 'friendOf' }, { field: 'friends' }], refusal: { reason: 'missing_table' } })
    expect(data.models.get('Tag')?.relations.get('posts')).toMatchObject({ keyIn: 'join', ownColumn: 'B' })
  })

  it('keeps the parts of a delegate in their own tables', () => {
    expect(data.models.get('Asset')).toMatchObject({ isDelegate: true, subModels: ['Video'] })
    const video = data.models.get('Video')
    expect(video?.base).toBe('Asset')
    expect([...(video?.fields.keys() ?? [])].sort()).toEqual(['id', 'length'])
  })

  it('changes its fingerprint with the database', async () => {
    await oracle.pool.query('ALTER TABLE "User" ADD COLUMN note text')
    const changed = await oracle.dataModel(data.schema)
    expect(changed.fingerprint).not.toBe(data.fingerprint)
    await oracle.pool.query('ALTER TABLE "User" DROP COLUMN note')
    expect((await oracle.dataModel(data.schema)).fingerprint).toBe(data.fingerprint)
  })

  it.each([
    ['replica_identity', 'ALTER TABLE "User" REPLICA IDENTITY DEFAULT', 'ALTER TABLE "User" REPLICA IDENTITY FULL'],
    ['unlogged', 'ALTER TABLE "_labels" SET UNLOGGED', 'ALTER TABLE "_labels" SET LOGGED'],
    ['no_key', 'ALTER TABLE "my things" DROP CONSTRAINT "my things_pkey"', 'ALTER TABLE "my things" ADD PRIMARY KEY (a, "B b")'],
    ['missing_column', 'ALTER TABLE "my things" RENAME COLUMN big TO gone', 'ALTER TABLE "my things" RENAME COLUMN gone TO big'],
    ['inherited', 'CREATE TABLE heir () INHERITS ("User")', 'DROP TABLE heir'],
    ['column_type', 'ALTER TABLE "my things" ALTER COLUMN big TYPE text', 'ALTER TABLE "my things" ALTER COLUMN big TYPE bigint USING big::bigint'],
  ])('refuses a table by name: %s', async (reason, breaking, mending) => {
    await oracle.pool.query(breaking)
    const broken = await oracle.dataModel(data.schema)
    const refusals = [...broken.models.values(), ...broken.joinTables].map((each) => each.refusal).filter((refusal) => refusal !== undefined)
    expect(refusals.find((refusal) => refusal.reason === reason)?.cure).toBeTruthy()
    await oracle.pool.query(mending)
  })

  it('refuses what a publication leaves out, and nothing while there is no such publication', async () => {
    const refused = async (): Promise<unknown[]> => {
      const query = async (sql: string, parameters?: unknown[]) => (await oracle.pool.query(sql, parameters)).rows as Record<string, unknown>[]
      const known = createDataModel(data.schema, await readCatalog(query, { publication: 'some_of_it' }))
      return [known.models.get('User'), known.models.get('Tag')].map((model) => model?.refusal?.reason)
    }
    expect(await refused()).toEqual([undefined, undefined])
    await oracle.pool.query('CREATE PUBLICATION some_of_it')
    expect(await refused()).toEqual(['unpublished', 'unpublished'])
    await oracle.pool.query('ALTER PUBLICATION some_of_it ADD TABLE "User"')
    expect(await refused()).toEqual([undefined, 'unpublished'])
    await oracle.pool.query(`ALTER PUBLICATION some_of_it SET (publish = 'insert, delete')`)
    expect(await refused()).toEqual(['unpublished', 'unpublished'])
    await oracle.pool.query('DROP PUBLICATION some_of_it')
  })

  it('notices native row-level security', async () => {
    await oracle.pool.query('ALTER TABLE "User" ENABLE ROW LEVEL SECURITY')
    expect((await oracle.dataModel(data.schema)).models.get('User')?.hasRowSecurity).toBe(true)
    await oracle.pool.query('ALTER TABLE "User" DISABLE ROW LEVEL SECURITY')
  })

  it('reads the case mapping of the database itself', async () => {
    const catalog = await readCatalog(async (sql, parameters) => (await oracle.pool.query(sql, parameters)).rows as Record<string, unknown>[])
    expect(catalog.collations['default']?.lowerCase).toMatchObject({ A: 'a', É: 'é' })
  })
})

describe('a row from the stream', () => {
  it('has the key and the values of the record that ZenStack returns', async () => {
    await oracle.insert(
      '"my things"',
      ['a', 'B b', 'kind', 'big', 'at', 'tz', 'secret'],
      [['1', 'x', 'k one', '9007199254740993', '2024-05-05 10:00:00.123456', '2024-05-05 10:00:00.29+00', 'hush']],
    )
    const [raw] = (await oracle.capture())('public.my things')
    const model = data.models.get('Thing')
    if (model === undefined || raw === undefined) throw new Error('nothing came')
    const row = decodeRow(model, raw)
    const client = oracle.client(data.schema) as unknown as { thing: { findFirst(): Promise<Record<string, unknown>> } }
    const record = await client.thing.findFirst()
    expect(presentRow(model, row)).toEqual(record)
    expect(rowKey(model, row)).toBe(rowKeyOfRecord(model, record))
    expect(row['at']).toBe(1714903200123456n)
  })

  it('keeps integers beyond 2^53, and trusts none that were rounded', () => {
    const model = data.models.get('Thing')
    if (model === undefined) throw new Error('no model')
    const text = '{"op":"u","before":{"a":1,"B b":"x","big":9007199254740992},"after":{"a":1,"B b":"x","big":9007199254740993},"source":{}}'
    const change = parseExactChange(text)
    expect(decodeRow(model, change.after ?? {})['big']).toBe(9007199254740993n)
    expect(decodeRow(model, change.before ?? {})['big']).toBe(9007199254740992n)
    expect(decodeRow(model, { a: 1, big: Number('9007199254740993') })).toEqual({ a: 1 })
  })

  it('leaves out what the stream does not say', () => {
    const model = data.models.get('Thing')
    if (model === undefined) throw new Error('no model')
    expect(decodeRow(model, { a: 1, secret: '__debezium_unavailable_value', kind: null })).toEqual({ a: 1, kind: null })
    // A key is always said, whatever it is.
    expect(decodeRow(model, { a: 1, 'B b': '__debezium_unavailable_value' })).toEqual({ a: 1, b: '__debezium_unavailable_value' })
    expect(() => rowKey(model, { a: 1 })).toThrow(/without its key field "b"/)
  })
})
