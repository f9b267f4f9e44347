import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDatabase, type Services } from '@zenstack-live/testing'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { keepAuditLog } from '../src/audit-log.ts'
import { keepPostsCached } from '../src/cache.ts'
import { openDatabase, openLive, type Database, type Live } from '../src/clients.ts'
import { moderatePosts } from '../src/moderation.ts'
import type { Email } from '../src/send-email.ts'
import { sendDeliveryNotices } from '../src/shipping.ts'
import { sendWelcomeEmails } from '../src/welcome-email.ts'

/** Longer than anything takes that goes well, also on a busy machine. */
const PATIENCE_MS = 60_000

let databaseUrl: string
let db: Database
let live: Live
const directory = mkdtempSync(join(tmpdir(), 'zenstack-live-examples-'))

beforeAll(async () => {
  const serverUrl: Services['postgresUrl'] = inject('postgresUrl')
  databaseUrl = await createDatabase(serverUrl)
  db = openDatabase(databaseUrl)
  await db.$pushSchema()
  live = openLive(db, { databaseUrl, directory, slot: 'example_use_cases' })
  await live.ready()
})
afterAll(async () => {
  await live.close()
  await db.$disconnect()
  rmSync(directory, { recursive: true, force: true })
})

/** Starts a use case, and waits until its stream has its place: it begins with what is written from then on. */
async function start(id: string, run: (signal: AbortSignal) => Promise<unknown>): Promise<() => Promise<void>> {
  const stop = new AbortController()
  const ended = run(stop.signal)
  const log = await live.log()
  await vi.waitFor(async () => {
    const reader = (await log.readers.list()).find((info) => info.id === id)
    expect(reader).toMatchObject({ owner: expect.any(String), cursor: expect.any(String) })
  }, PATIENCE_MS)
  return async () => {
    stop.abort()
    await ended
  }
}

describe('welcome e-mails', () => {
  it('greet every new user once, also those who came while the program was not running', async () => {
    const sent: Email[] = []
    const sendEmail = async (email: Email): Promise<void> => void sent.push(email)
    const stop = await start('send-welcome-email', (signal) => sendWelcomeEmails(live, sendEmail, signal))
    await db.user.create({ data: { email: 'ann@example.org', name: 'Ann' } })
    await vi.waitFor(() => expect(sent).toHaveLength(1), PATIENCE_MS)
    await stop()

    await db.user.create({ data: { email: 'bob@example.org', name: 'Bob' } })
    await withSql((sql) => sql.query(`INSERT INTO "User" (email, name) VALUES ('cay@example.org', 'Cay')`))
    const stopAgain = await start('send-welcome-email', (signal) => sendWelcomeEmails(live, sendEmail, signal))
    await vi.waitFor(() => expect(sent).toHaveLength(3), PATIENCE_MS)
    expect(sent.map(({ subject }) => subject)).toEqual(['Welcome, Ann!', 'Welcome, Bob!', 'Welcome, Cay!'])
    await stopAgain()
  })
})

describe('the audit log', () => {
  it('holds what a patient was before and after every change, whoever made it', async () => {
    const stop = await start('audit-log', (signal) => keepAuditLog(live, db, signal))
    const patient = await db.patient.create({ data: { name: 'Dee', bornOn: new Date('1990-05-17'), allergies: ['nuts'], notes: { blood: 'A+' } } })
    await withSql((sql) => sql.query(`UPDATE "Patient" SET allergies = '{nuts,pollen}' WHERE id = $1`, [patient.id]))
    await db.patient.delete({ where: { id: patient.id } })
    await vi.waitFor(async () => expect(await db.auditLog.count()).toBe(3), PATIENCE_MS)
    const lines = await db.auditLog.findMany({ orderBy: { id: 'asc' } })
    expect(lines.map(({ operation }) => operation)).toEqual(['created', 'updated', 'deleted'])
    expect(lines[1]).toMatchObject({
      model: 'Patient',
      before: { allergies: ['nuts'], notes: { blood: 'A+' } },
      after: { allergies: ['nuts', 'pollen'] },
    })
    expect(lines[2]).toMatchObject({ before: { name: 'Dee' }, after: null })
    await stop()
  })
})

describe('the cache', () => {
  it('holds every post as it is, and none that is gone', async () => {
    const cached = new Map<string, string>()
    const cache = { set: async (key: string, value: string) => cached.set(key, value), del: async (key: string) => cached.delete(key) }
    const stop = await start('cache', (signal) => keepPostsCached(live, cache, signal))
    const author = await db.user.create({ data: { email: 'eve@example.org', name: 'Eve' } })
    const [kept, gone] = [
      await db.post.create({ data: { authorId: author.id, title: 'a' } }),
      await db.post.create({ data: { authorId: author.id, title: 'b' } }),
    ]
    await db.post.update({ where: { id: kept.id }, data: { title: 'a, changed' } })
    await db.post.delete({ where: { id: gone.id } })
    await vi.waitFor(() => {
      expect([...cached.keys()]).toEqual([`posts:${kept.id}`])
      expect(JSON.parse(cached.get(`posts:${kept.id}`) ?? '{}')).toMatchObject({ title: 'a, changed' })
    }, PATIENCE_MS)
    await stop()
  })
})

describe('moderation', () => {
  it('looks at suspicious posts only, and again when the service failed', async () => {
    const author = await db.user.create({ data: { email: 'fay@example.org', name: 'Fay' } })
    const asked: string[] = []
    const analyze = async ({ title }: { title: string }): Promise<'fine' | 'rude'> => {
      asked.push(title)
      if (asked.length === 1) throw new Error('The service is busy.')
      return title.includes('people') ? 'rude' : 'fine'
    }
    const stop = await start('sentiment-moderation', async (signal) => {
      await moderatePosts(live, db, analyze, signal).ended
    })
    await db.post.create({ data: { authorId: author.id, title: 'A lovely day' } })
    await db.post.create({ data: { authorId: author.id, title: 'The UGLY duckling' } })
    expect((await db.user.findUnique({ where: { id: author.id } }))?.isSuspended).toBe(false)
    await db.post.create({ data: { authorId: author.id, title: 'Stupid people' } })
    await vi.waitFor(async () => expect((await db.user.findUnique({ where: { id: author.id } }))?.isSuspended).toBe(true), PATIENCE_MS)
    await vi.waitFor(
      () => expect(asked.toSorted((a, b) => a.localeCompare(b))).toEqual(['Stupid people', 'The UGLY duckling', 'The UGLY duckling']),
      PATIENCE_MS,
    )
    await stop()
  })
})

describe('delivery notices', () => {
  it('are sent once per order, when its status becomes DELIVERED and never otherwise', async () => {
    const sent: Email[] = []
    const stop = await start('send-delivered-email', (signal) => sendDeliveryNotices(live, async (email) => void sent.push(email), signal))
    const first = await db.order.create({ data: { contactEmail: 'gil@example.org', total: '19.90' } })
    await db.order.create({ data: { contactEmail: 'born-delivered@example.org', total: '1', status: 'DELIVERED' } })
    for (const status of ['PAID', 'SHIPPED', 'DELIVERED'] as const) await db.order.update({ where: { id: first.id }, data: { status } })
    await db.order.update({ where: { id: first.id }, data: { total: '18.90' } })
    await db.order.update({ where: { id: first.id }, data: { status: 'DELIVERED' } })
    const last = await db.order.create({ data: { contactEmail: 'hal@example.org', total: '5', status: 'SHIPPED' } })
    await db.order.update({ where: { id: last.id }, data: { status: 'DELIVERED' } })
    await vi.waitFor(() => expect(sent.map(({ to }) => to)).toEqual(['gil@example.org', 'hal@example.org']), PATIENCE_MS)
    expect(sent[0]?.subject).toMatch(/^Delivered on \d{4}-\d\d-\d\d$/)
    await stop()
  })
})

async function withSql(run: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client(databaseUrl)
  await client.connect()
  await run(client)
  await client.end()
}
