import { deserialize } from '@zenstackhq/client-helpers/fetch'
import { CHANGES_SEGMENT, queryId, type RowChange, type WireQuery } from '@zenstack-live/protocol'
import type { LiveClient } from '@zenstack-live/edge'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openPoliciedDatabase, type PoliciedDatabase } from './support/policied-database.ts'
import { openStream, type TestStream } from './support/read-stream.ts'
import { startEdge, type RunningEdge } from './support/start-edge.ts'

const ZMODEL = `
model User { id Int @id @@auth @@allow('all', true) }
model Room { id Int @id ranks Rank[] papers Paper[] parcels Parcel[] @@allow('all', true) }
model Rank { id Int @id roomId Int room Room @relation(fields: [roomId], references: [id]) userId Int rank Int @@allow('all', true) }
model Paper {
  id Int @id
  title String
  level Int
  roomId Int
  room Room @relation(fields: [roomId], references: [id])
  @@allow('read', auth() != null && room.ranks![rank >= this.level])
}
model Parcel {
  id Int @id
  weight Int
  marks String[] @allow('read', weight < 10)
  price Int @allow('read', weight > 0)
  roomId Int
  room Room @relation(fields: [roomId], references: [id])
  @@allow('read', auth() != null && room.ranks![rank >= 1])
}
model Task { id Int @id comments Comment[] @@allow('read', comments?[pinned]) }
model Comment {
  id Int @id
  taskId Int
  task Task @relation(fields: [taskId], references: [id])
  pinned Boolean
  body String
  @@allow('read', check(task))
}`
const changesOf = (model: string): WireQuery => ({ model, operation: CHANGES_SEGMENT, args: { updated: {} } })

describe('a row that its change let somebody read', () => {
  let database: PoliciedDatabase
  let running: RunningEdge
  const streams: TestStream[] = []
  let isLogFree = Promise.resolve()
  const sql: PoliciedDatabase['sql'] = (...asked) => database.sql(...asked)

  beforeAll(async () => {
    database = await openPoliciedDatabase(ZMODEL)
    const { schema, url, bound } = database
    const client = bound.$setAuth({ id: 3 }) as unknown as LiveClient
    const as = (): never => client as never
    const tables = ['User', 'Room', 'Rank', 'Paper', 'Parcel', 'Task', 'Comment']
    running = await startEdge({ url, sql, as }, { schema, tables, getClient: () => client, holdLog: () => isLogFree })
    await sql('INSERT INTO "Room" VALUES (1)')
    await sql('INSERT INTO "Rank" VALUES (1, 1, 3, 3)')
    await sql(`INSERT INTO "Paper" VALUES (1, 'kept secret', 9, 1), (2, 'plain', 1, 1)`)
    await sql(`INSERT INTO "Parcel" VALUES (1, 20, '{secret}', 5, 1), (2, 2, '{plain}', 5, 1)`)
    await sql('INSERT INTO "Task" VALUES (1), (2), (3)')
    await sql(`INSERT INTO "Comment" VALUES (1, 1, false, 'kept secret'), (2, 2, true, 'plain'), (3, 3, false, 'first')`)
  })
  afterAll(async () => {
    for (const stream of streams) stream.close()
    await running.close()
    await database.close()
  })

  const follow = async (model: string): Promise<{ stream: TestStream; told: () => unknown[] }> => {
    const wire = changesOf(model)
    const q = queryId(wire)
    const stream = await openStream({ base: running.base, queries: [wire] })
    streams.push(stream)
    await stream.until(() => stream.query(q).isReady, 'ready')
    const changes = (): RowChange[] =>
      stream.frames.flatMap((frame) => (frame.event === 'changes' && frame.q === q ? (deserialize(frame.changes, frame.meta) as RowChange[]) : []))
    return { stream, told: () => changes().map((change) => (change.type === 'updated' ? change.updated : change.type)) }
  }

  it('is not shown as it was before, whatever in its rule decided that', async () => {
    const { stream, told } = await follow('Paper')
    await sql(`UPDATE "Paper" SET level = 2, title = 'published' WHERE id = 1`)
    await stream.until(() => told().length === 1, 'the first')
    await sql(`UPDATE "Paper" SET title = 'plainer' WHERE id = 2`)
    await stream.until(() => told().length === 2, 'both')
    expect(stream.text).not.toContain('secret')
    expect(told()).toMatchObject([
      { before: null, after: { title: 'published' } },
      { before: { title: 'plain' }, after: { title: 'plainer' } },
    ])
  })

  it('is not shown as it was before where the rule of another model decided that by a field of the row', async () => {
    const { stream, told } = await follow('Comment')
    await sql(`UPDATE "Comment" SET pinned = true, body = 'published' WHERE id = 1`)
    await stream.until(() => told().length === 1, 'the first')
    await sql(`UPDATE "Comment" SET body = 'plainer' WHERE id = 2`)
    await stream.until(() => told().length === 2, 'both')
    expect(stream.text).not.toContain('secret')
    expect(told()).toMatchObject([
      { before: null, after: { body: 'published' } },
      { before: { body: 'plain' }, after: { body: 'plainer' } },
    ])
  })

  it('is not shown with a list of it that is kept back: to who may not read it, the database gives an empty one', async () => {
    const { stream, told } = await follow('Parcel')
    await sql('UPDATE "Parcel" SET weight = weight + 1 WHERE id = 1')
    await stream.until(() => told().length === 1, 'the first')
    await sql('UPDATE "Parcel" SET weight = weight + 1 WHERE id = 2')
    await stream.until(() => told().length === 2, 'both')
    expect(stream.text).not.toContain('secret')
    expect(told()).toMatchObject([{ after: { weight: 21, marks: [] } }, { after: { weight: 3, marks: ['plain'] } }])
  })

  it('is not told of where only what is kept back has changed, though another field is kept from others', async () => {
    const { stream, told } = await follow('Parcel')
    await sql(`UPDATE "Parcel" SET marks = '{secret,more}' WHERE id = 1`)
    await running.caughtUp()
    // It would be asked about, and told, by now.
    await sql('SELECT pg_sleep(0.2)')
    await sql('UPDATE "Parcel" SET price = price + 1 WHERE id = 1')
    await stream.until(() => told().length > 0, 'the first')
    await sql(`UPDATE "Parcel" SET marks = '{plain,more}' WHERE id = 2`)
    await stream.until(() => told().length > 1, 'both')
    expect(told()).toMatchObject([{ after: { id: 1, price: 6, marks: [] } }, { after: { id: 2, marks: ['plain', 'more'] } }])
  })

  it('is not shown as an earlier change left it', async () => {
    const { stream, told } = await follow('Comment')
    let goOn = (): void => {}
    isLogFree = new Promise((resolve) => (goOn = resolve))
    await sql(`UPDATE "Comment" SET body = 'overwritten secret' WHERE id = 3`)
    await sql(`UPDATE "Comment" SET pinned = true, body = 'revealed' WHERE id = 3`)
    goOn()
    await stream.until(() => stream.text.includes('revealed'), 'what may be read')
    expect(stream.text).not.toContain('secret')
    expect(told()).toMatchObject([{ before: null, after: { body: 'revealed' } }])
  })
})
