import type { LiveClient } from '@zenstack-live/edge'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openPoliciedDatabase, type PoliciedDatabase } from './support/policied-database.ts'
import { openStream, wire } from './support/read-stream.ts'
import { startEdge, type RunningEdge } from './support/start-edge.ts'

const MODELS = { Amount: 'Decimal', Blob: 'Bytes', Moment: 'DateTime', Text: 'String', Whole: 'Int', Large: 'BigInt' }
const ZMODEL = Object.entries(MODELS)
  .map(([model, type]) => `model ${model} { id ${type} @id name String at DateTime @@allow('all', true) }`)
  .join('\n')

describe('an order by a time to the microsecond', () => {
  let database: PoliciedDatabase
  let running: RunningEdge
  const sql: PoliciedDatabase['sql'] = (...asked) => database.sql(...asked)

  beforeAll(async () => {
    database = await openPoliciedDatabase(ZMODEL)
    const { schema, url, bound } = database
    for (const model of Object.keys(MODELS)) await sql(`ALTER TABLE "${model}" ALTER at TYPE timestamp(6)`)
    const client = bound as unknown as LiveClient
    const as = (): never => client as never
    running = await startEdge({ url, sql, as }, { schema, tables: Object.keys(MODELS), getClient: () => client })
  })
  afterAll(async () => {
    await running.close()
    await database.close()
  })

  it.each([
    ['Amount', ['1.50', '2.50', '3.50'], 'requery'],
    ['Blob', ['\\x01', '\\x02', '\\xff'], 'requery'],
    ['Moment', ['2024-01-01', '2024-01-02', '2024-01-03'], 'requery'],
    ['Text', ['a', 'b', 'c'], 'incremental'],
    ['Whole', ['1', '2', '3'], 'incremental'],
    ['Large', ['9007199254740993', '2', '3'], 'incremental'],
  ])('is kept, whatever the key: %s', async (model, [third, first, second], engine) => {
    const insert = (id = '', name: string, micros: string): Promise<unknown> =>
      sql(`INSERT INTO "${model}" (id, name, at) VALUES ($1, $2, '2024-05-05 10:00:00.${micros}')`, [id, name])
    await insert(third, 'third', '123900')
    await insert(first, 'first', '123100')
    const query = wire(model, 'findMany', { orderBy: { at: 'asc' } })
    const stream = await openStream({ base: running.base, queries: [query] })
    await stream.until(() => stream.query(query.q).isReady || stream.query(query.q).errors.length > 0, 'ready')
    expect([stream.query(query.q).engine, stream.query(query.q).errors]).toEqual([engine, []])
    await insert(second, 'second', '123500')
    const names = (): unknown[] => stream.query(query.q).rows.map(({ row }) => row['name'])
    await stream.until(() => names().length === 3, 'all three')
    expect(names()).toEqual(['first', 'second', 'third'])
    await sql(`UPDATE "${model}" SET name = 'last' WHERE name = 'third'`)
    await stream.until(() => names().includes('last'), 'the update')
    expect(names()).toEqual(['first', 'second', 'last'])
    stream.close()
  })
})
