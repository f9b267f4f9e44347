import { fork, type ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { openRedisLog, type ChangeLog, type ReaderInfo } from '@zenstack-live/change-log'
import { readCatalog } from '@zenstack-live/model'
import { createDatabase, type Services } from '@zenstack-live/testing'
import { schema } from '@zenstack-live/testing/workspace'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import pg from 'pg'
import { afterEach, beforeAll, beforeEach, describe, expect, inject, it, vi } from 'vitest'
import { createStreamAdmin } from '../src/index.ts'
import { noteEntries } from './support/note-entries.ts'
import type { StreamJob, StreamWord } from './support/stream-job.ts'

const CHILD = join(import.meta.dirname, 'support/stream-child.ts')
const PATIENCE = { timeout: 60_000, interval: 20 }
const ID = 'mail'

let catalog: string
let logName: string
let log: ChangeLog
const children = new Set<ChildProcess>()

beforeAll(async () => {
  const serverUrl: Services['postgresUrl'] = inject('postgresUrl')
  const pool = new pg.Pool({ connectionString: await createDatabase(serverUrl) })
  await new ZenStackClient(schema, { dialect: new PostgresDialect({ pool }) }).$pushSchema()
  await pool.query('ALTER TABLE "Note" REPLICA IDENTITY FULL')
  catalog = JSON.stringify(await readCatalog(async (sql, parameters = []) => (await pool.query<Record<string, unknown>>(sql, parameters)).rows))
  await pool.end()
})
beforeEach(async () => {
  logName = `killed-stream:${randomUUID()}`
  log = await openRedisLog({ url: redisUrl(), name: logName })
})
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL')
  await log.close()
})

function redisUrl(): Services['redisUrl'] {
  return inject('redisUrl')
}

interface StreamProcess {
  child: ChildProcess
  /** What it has said so far. */
  words: StreamWord[]
  ended: Promise<void>
}

function start(job: Partial<StreamJob>): StreamProcess {
  const whole: StreamJob = { redisUrl: redisUrl(), logName, catalog, id: ID, leaseMs: 500, maxDeliveries: 1000, deeds: {}, ...job }
  const child = fork(CHILD, [JSON.stringify(whole)], { execArgv: ['--conditions=@zenstack-live/source'] })
  children.add(child)
  const words: StreamWord[] = []
  child.on('message', (word) => words.push(word as StreamWord))
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => {
      children.delete(child)
      resolve()
    })
  })
  return { child, words, ended }
}

const place = async (): Promise<ReaderInfo | undefined> => (await log.readers.list()).find(({ id }) => id === ID)
const says = (process: StreamProcess, word: StreamWord): Promise<void> => vi.waitFor(() => expect(process.words).toContain(word), PATIENCE)

describe('a process that is paused past its lease', () => {
  it('cannot acknowledge over its successor when it comes back', async () => {
    await log.append(noteEntries(1))
    const first = start({ deeds: { 0: 'wait' } })
    await says(first, 'handling 0')
    first.child.kill('SIGSTOP')
    const second = start({ leaseMs: 60_000, deeds: { 0: 'fail' } })
    await says(second, 'handling 0')
    const owned = await place()
    // It is told to finish while it cannot hear, and does so as soon as it can: it has handled the event, and wants to say so.
    first.child.send('finish')
    first.child.kill('SIGCONT')
    await says(first, 'handled 0')
    await says(first, 'lost 0')
    expect(await place()).toMatchObject({ owner: owned?.owner, fence: owned?.fence, cursor: owned?.cursor })
    // Nobody has acknowledged it: it is still its successor's to handle.
    second.child.send('finish')
    await says(second, 'handled 0')
    await vi.waitFor(async () => expect((await place())?.cursor).toBe((await log.state()).newest), PATIENCE)
  })
})

describe('an event that ends its process', () => {
  it('becomes a dead letter, whatever way it does it, and the rest goes on; mended, it can be delivered again', async () => {
    await log.append(noteEntries(6))
    const deadly: StreamJob['deeds'] = { 1: 'kill', 4: 'exit' }
    const handled: StreamWord[] = []
    let deaths = 0
    // Somebody starts it again, as a supervisor does.
    for (let life = start({ deeds: deadly, maxDeliveries: 2 }); ; life = start({ deeds: deadly, maxDeliveries: 2 })) {
      const isDone = vi.waitFor(async () => expect((await place())?.cursor).toBe((await log.state()).newest), PATIENCE).then(() => 'done')
      const outcome = await Promise.race([isDone, life.ended.then(() => 'died')])
      handled.push(...life.words.filter((word) => word.startsWith('handled')))
      if (outcome === 'done') break
      isDone.catch(() => undefined)
      deaths++
    }
    // Each of them twice; the first time they may have gone together.
    expect(deaths).toBeGreaterThanOrEqual(3)
    expect(deaths).toBeLessThanOrEqual(4)
    expect(new Set(handled)).toEqual(new Set(['handled 0', 'handled 2', 'handled 3', 'handled 5']))
    const admin = createStreamAdmin(log)
    const dead = await admin.deadLetters(ID)
    expect(dead.map(({ key, deliveries, error }) => [key, deliveries, /process ended/.test(error)])).toEqual([
      ['1', 2, true],
      ['4', 2, true],
    ])

    for (const child of children) child.kill('SIGKILL')
    expect(await admin.replay(ID)).toBe(2)
    const mended = start({})
    await says(mended, 'handled 1')
    await says(mended, 'handled 4')
    await vi.waitFor(async () => expect(await admin.deadLetters(ID)).toEqual([]), PATIENCE)
  })
})
