import { compileRowPlan, compileSort } from '@zenstack-live/access'
import type { DataModel } from '@zenstack-live/model'
import { createDatabase } from '@zenstack-live/testing'
import { loadSchema, openOracle, rowsOf, type Client, type Oracle } from '@zenstack-live/testing/oracle'
import type { RawRow } from '@zenstack-live/protocol'
import { PolicyPlugin } from '@zenstackhq/plugin-policy'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import type { SchemaDef } from '@zenstackhq/schema'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'

const ZMODEL = `
model User { id Int @id papers Paper[] letters Letter[] @@auth @@allow('read', auth() == this) }
model Paper {
  id Int @id
  title String?
  secret String? @allow('read', auth().id == ownerId)
  ownerId Int?
  owner User? @relation(fields: [ownerId], references: [id])
  at DateTime?
  tags Tag[]
  lost Lost[]
  @@allow('read', secret != 'nobody')
}
model Tag { id Int @id isHidden Boolean papers Paper[] @@allow('read', !isHidden) }
model Letter { id Int @id toId Int to User @relation(fields: [toId], references: [id]) @@allow('read', true) }
model Lost { id Int @id paperId Int? paper Paper? @relation(fields: [paperId], references: [id]) @@allow('read', paper == null) }
model Rule { id Int @id n Int? @@allow('all', n == 1) @@deny('post-update', n == 2) }
model Timed { id Int @id at DateTime? @@allow('read', at > now()) }
model Moody { id Int @id note String? @allow('read', auth().id == 1) moods Mood[] @@allow('read', true) }
enum Mood { HAPPY SAD @map('sad one') }
model Asset { id Int @id isOpen Boolean kind String name String? @@delegate(kind) @@allow('read', isOpen) }
model Video extends Asset { length Int? @@deny('read', length > 100) }
model Image extends Asset { width Int? @@deny('read', currentModel() != 'Image') }
`

type Row = Record<string, unknown>
type Model = {
  findMany(args?: object): Promise<Row[]>
  updateMany(args: object): Promise<Row>
}
type Finder = Record<string, Model>
type Transaction = Finder & {
  $setAuth(auth: object): Finder
  $use(plugin: unknown): Finder
  $unuseAll(): Finder
  $qb: { selectNoFrom(select: (eb: unknown) => unknown[]): { execute(): Promise<Row[]> } }
}

let url: string
let oracle: Oracle
let schema: SchemaDef
let data: DataModel
let take: (table: string) => RawRow[]

function as(auth: object | undefined): Client {
  return oracle.client(schema).$setAuth(auth as never)
}
const read = (auth: object | undefined): Finder => as(auth) as unknown as Finder
const idsOf = async (rows: Promise<Row[]> | undefined): Promise<number[]> =>
  ((await rows) ?? []).map((row) => Number(row['id'])).sort((a, b) => a - b)

beforeAll(async () => {
  schema = await loadSchema(ZMODEL)
  url = await createDatabase(inject('postgresUrl'))
  oracle = await openOracle(url, schema)
  const run = (sql: string): Promise<unknown> => oracle.pool.query(sql)
  await run('CREATE TABLE "_PaperToTag" ("A" int, "B" int, PRIMARY KEY ("A", "B"))')
  await run('ALTER TABLE "Lost" DROP CONSTRAINT "Lost_paperId_fkey"')
  await run('INSERT INTO "User" VALUES (1), (2)')
  await run(`INSERT INTO "Paper" (id, title, secret, "ownerId") VALUES (1, 'one', 's1', 1), (2, 'two', 's2', 2), (3, 'three', 'nobody', 1)`)
  await run('INSERT INTO "Tag" VALUES (1, false), (2, true)')
  await run('INSERT INTO "_PaperToTag" VALUES (1, 1), (2, 2), (3, 1)')
  await run('INSERT INTO "Letter" VALUES (1, 1), (2, 2)')
  await run('INSERT INTO "Lost" VALUES (1, 1), (2, 77), (3, NULL)')
  await run('INSERT INTO "Rule" VALUES (1, 1), (2, 2)')
  await run(`INSERT INTO "Timed" VALUES (1, (now() AT TIME ZONE 'UTC') + interval '2 hours')`)
  await run(
    `INSERT INTO "Asset" (id, "isOpen", kind, name) VALUES (1, true, 'Video', 'short'), (2, true, 'Video', 'long'), (3, false, 'Video', 'shut'), (4, true, 'Image', 'image')`,
  )
  await run('INSERT INTO "Video" VALUES (1, 10), (2, 1000), (3, 10)')
  await run('INSERT INTO "Image" VALUES (4, 5)')
  await run(`INSERT INTO "Moody" VALUES (1, 'x', '{HAPPY}')`)
  take = await oracle.capture()
  data = await oracle.dataModel(schema)
}, 120_000)

afterAll(() => oracle.close())

describe('policies of fields', () => {
  it('show NULL to those who may not read, and keep the row', async () => {
    expect(await read({ id: 1 })['Paper']?.findMany({ orderBy: { id: 'asc' }, select: { id: true, secret: true } })).toEqual([
      { id: 1, secret: 's1' },
      { id: 2, secret: null },
    ])
  })

  it('are seen by filters and order of the reader, and not by policies of the model', async () => {
    const papers = read({ id: 1 })['Paper']
    expect(await idsOf(papers?.findMany({ where: { secret: 's2' } }))).toEqual([])
    expect(await idsOf(papers?.findMany({ where: { secret: null } }))).toEqual([2])
    const ordered = (await papers?.findMany({ orderBy: { secret: { sort: 'desc', nulls: 'last' } } })) ?? []
    expect(ordered.map(({ id }) => id)).toEqual([1, 2])
    const plan = compileRowPlan(data, { model: 'Paper', where: { secret: null }, isPolicyOn: true })
    const rows = rowsOf(data, 'Paper', take('public.Paper'))
    const context = { auth: { id: 1 }, now: 0 }
    expect(rows.map(({ row }) => plan.decide(row, context))).toEqual([false, true, false])
    const sort = compileSort(data, 'Paper', { secret: { sort: 'desc', nulls: 'last' } })
    const sortKeys = rows.slice(0, 2).map(({ row }) => {
      const masked = plan.mask(row, context)
      return sort === 'ask-database' || masked === 'ask-database' ? '' : (sort.sortKey(masked) ?? '')
    })
    // Unmasked, 's2' would come before 's1'.
    expect((sortKeys[0] ?? '') < (sortKeys[1] ?? '')).toBe(true)
  })
})

describe('a list of a mapped enum', () => {
  it('makes every read fail where a field has a policy, so memory decides nothing of it', async () => {
    await expect(read({ id: 1 })['Moody']?.findMany({ where: { note: 'x' }, select: { id: true } })).rejects.toThrow()
    const plan = compileRowPlan(data, { model: 'Moody', where: { note: 'x' }, isPolicyOn: true })
    expect(plan.decide({ id: 1, note: 'x', moods: ['HAPPY'] }, { auth: { id: 1 }, now: 0 })).toBe('ask-database')
  })
})

describe('rows beside the row', () => {
  it('auth() == this compares the ids', async () => {
    expect(await idsOf(read({ id: 2 })['User']?.findMany())).toEqual([2])
    expect(await idsOf(read(undefined)['User']?.findMany())).toEqual([])
  })

  it('an included row that the reader may not see is null, where the relation is required too', async () => {
    expect(await read({ id: 1 })['Letter']?.findMany({ include: { to: true }, orderBy: { id: 'asc' } })).toEqual([
      { id: 1, toId: 1, to: { id: 1 } },
      { id: 2, toId: 2, to: null },
    ])
  })

  it('rows of many-to-many are there when both ends can be seen', async () => {
    const papers = await read({ id: 1 })['Paper']?.findMany({ orderBy: { id: 'asc' }, select: { id: true, tags: true } })
    expect(papers).toEqual([
      { id: 1, tags: [{ id: 1, isHidden: false }] },
      { id: 2, tags: [] },
    ])
    const tags = await read({ id: 1 })['Tag']?.findMany({ select: { id: true, papers: { select: { id: true } } } })
    expect(tags).toEqual([{ id: 1, papers: [{ id: 1 }] }])
  })

  it('a relation whose row is gone is null in policies, where nothing enforces its key', async () => {
    expect(await idsOf(read({ id: 1 })['Lost']?.findMany())).toEqual([2, 3])
    expect(compileRowPlan(data, { model: 'Lost', isPolicyOn: true }).isLocal).toBe(false)
  })
})

describe('rules', () => {
  it('all is not post-update, which lets everything through when nothing is said', async () => {
    const rules = read({ id: 1 })['Rule']
    await expect(rules?.updateMany({ where: { id: 1 }, data: { n: 2 } })).rejects.toThrow()
    expect(await rules?.updateMany({ where: { id: 1 }, data: { n: 3 } })).toEqual({ count: 1 })
    expect(await idsOf(rules?.findMany())).toEqual([])
  })

  it('now() is read in the time zone of the session', async () => {
    const idsIn = async (timeZone: string): Promise<unknown[]> => {
      const pool = new pg.Pool({ connectionString: url, options: `-c TimeZone=${timeZone}`, max: 1 })
      try {
        const client = new ZenStackClient(schema, { dialect: new PostgresDialect({ pool }) } as never).$use(new PolicyPlugin())
        return await idsOf((client as unknown as Finder)['Timed']?.findMany())
      } finally {
        await pool.end()
      }
    }
    expect([await idsIn('UTC'), await idsIn('Asia/Tokyo')]).toEqual([[1], []])
  })

  it('a client with policies runs no SQL of others', async () => {
    const raw = as({ id: 1 }) as unknown as { $queryRawUnsafe(sql: string): Promise<unknown> }
    await expect(raw.$queryRawUnsafe('SELECT 1')).rejects.toThrow(/non-CRUD|not allowed/i)
  })
})

describe('delegates', () => {
  it('of the extending model have its own rules and those of the base', async () => {
    expect(await idsOf(read({ id: 1 })['Video']?.findMany())).toEqual([1])
  })

  it('read through the base have the rules of the base alone, and no fields of an extending row that is denied', async () => {
    const assets = (await read({ id: 1 })['Asset']?.findMany({ orderBy: { id: 'asc' } })) ?? []
    expect(assets.map(({ id }) => id)).toEqual([1, 2, 4])
    expect(assets[0]).toMatchObject({ length: 10 })
    expect(assets[1]).not.toMatchObject({ length: 1000 })
    expect(assets[1]).toMatchObject({ name: 'long', kind: 'Video' })
  })

  it('inherit rules that name the extending model in currentModel()', async () => {
    expect(await idsOf(read({ id: 1 })['Image']?.findMany())).toEqual([4])
  })

  it('are decided in memory as far as the table at hand says, though their records span tables', async () => {
    const context = { auth: { id: 1 }, now: 0 }
    const verdicts = (model: string, where: unknown, table: string): Map<string, unknown> => {
      const plan = compileRowPlan(data, { model, where, isPolicyOn: true })
      expect(plan.isLocal).toBe(false)
      return new Map(rowsOf(data, model, taken(table)).map(({ key, row }) => [key, plan.decide(row, context)]))
    }
    const rows = new Map<string, RawRow[]>()
    const taken = (table: string): RawRow[] => {
      const known = rows.get(table) ?? take(table)
      rows.set(table, known)
      return known
    }
    expect(verdicts('Asset', {}, 'public.Asset')).toEqual(
      new Map([
        ['1', true],
        ['2', true],
        ['3', false],
        ['4', true],
      ]),
    )
    expect(verdicts('Asset', { name: 'long' }, 'public.Asset').get('2')).toBe(true)
    // What its own columns deny is denied; what the base must allow is asked.
    expect(verdicts('Video', {}, 'public.Video')).toEqual(
      new Map<string, unknown>([
        ['1', 'ask-database'],
        ['2', false],
        ['3', 'ask-database'],
      ]),
    )
  })
})

describe('a transaction', () => {
  const inTransaction = <T>(client: unknown, run: (tx: Transaction) => Promise<T>, options?: object): Promise<T> =>
    (client as { $transaction(run: (tx: Transaction) => Promise<T>, options?: object): Promise<T> }).$transaction(run, options)

  it('reads as who opened it, whatever $setAuth says', async () => {
    const seen = await inTransaction(as({ id: 1 }), (tx) => idsOf(tx.$setAuth({ id: 2 })['User']?.findMany()))
    expect(seen).toEqual([1])
  })

  it('stays without policies when a client without them opened it, whatever $use says', async () => {
    const bare = oracle.client(schema).$unuseAll()
    expect(await inTransaction(bare, (tx) => idsOf(tx.$use(new PolicyPlugin())['User']?.findMany()))).toEqual([1, 2])
  })

  it('keeps its policies, whatever $unuseAll says', async () => {
    expect(await inTransaction(as({ id: 1 }), (tx) => idsOf(tx.$unuseAll()['User']?.findMany()))).toEqual([1])
  })

  it('shows its snapshot by a select without a table, and sees nothing that is committed later', async () => {
    const result = await inTransaction(
      as({ id: 1 }),
      async (tx) => {
        const before = await snapshotOf(tx)
        await oracle.pool.query('INSERT INTO "Letter" VALUES (3, 1)')
        const letters = await idsOf(tx['Letter']?.findMany())
        return { before, letters, after: await snapshotOf(tx) }
      },
      { isolationLevel: 'repeatable read' },
    )
    expect(result.before).toMatch(/^\d+:\d+:/)
    expect(result).toMatchObject({ letters: [1, 2], after: result.before })
    expect(await idsOf(read({ id: 1 })['Letter']?.findMany())).toEqual([1, 2, 3])
  })

  it('does not hold what goes through $qbRaw', async () => {
    const pids = await inTransaction(as({ id: 1 }), async (tx) => [await pidOf(tx.$qb), await pidOf(Reflect.get(tx, '$qbRaw'))])
    expect(pids[0]).not.toBe(pids[1])
  })
})

interface Expressions {
  cast(value: unknown, type: string): { as(name: string): unknown }
  fn(name: string, args: unknown[]): { as(name: string): unknown }
}

async function snapshotOf(tx: Transaction): Promise<unknown> {
  const [row] = await tx.$qb
    .selectNoFrom((eb) => [(eb as Expressions).cast((eb as Expressions).fn('pg_current_snapshot', []), 'text').as('snapshot')])
    .execute()
  return row?.['snapshot']
}

async function pidOf(builder: unknown): Promise<unknown> {
  const [row] = await (builder as Transaction['$qb']).selectNoFrom((eb) => [(eb as Expressions).fn('pg_backend_pid', []).as('pid')]).execute()
  return row?.['pid']
}
