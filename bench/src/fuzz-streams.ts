import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openRedisLog, type ChangeLog } from '@zenstack-live/change-log'
import { compareEntryIds, type LogEntry } from '@zenstack-live/protocol'
import { startPostgres, startRedis, type RedisServer } from '@zenstack-live/testing'
import { progress, type CommandOptions } from './command.ts'
import { createRandom, type Random } from './random.ts'
import { checkDeliveries, type Deliveries, type Expected } from './streams/check-deliveries.ts'
import type { FuzzJob } from './streams/fuzz-job.ts'
import { noteEntry, noteRow, openNoteDatabase, type NoteRow } from './streams/note-log.ts'

/*
 * Three processes handle the events of one id, of one id in four parts, and of two ids with filters, while events are written. They are
 * killed and paused past their leases at random, Redis is killed and started again, and for a while none of them runs. In the end every
 * id must have handled every event it asked for, those of a row in order.
 */

const WORKERS = 3
const KEYS = 300
const LEASE_MS = 1_000
const ROUNDS = 40
const SETTLE_MS = 120_000

interface Result {
  name: string
  metrics: Record<string, number>
  failed: boolean
}

/** `runs`: events. `mutate`: the processes acknowledge some events without handling them. */
export async function run({ runs = 50_000, seed = 1, mutate = false }: CommandOptions): Promise<Result> {
  const directory = mkdtempSync(join(tmpdir(), 'zenstack-live-fuzz-streams-'))
  const catalogFile = join(directory, 'catalog.json')
  writeFileSync(catalogFile, JSON.stringify(await readWorkspaceCatalog()))
  const redis = await startRedis({ directory: join(directory, 'redis'), isPersistent: true })
  const log = await openRedisLog({ url: redis.url })
  const chaos = new Chaos(redis, createRandom(seed), { redisUrl: redis.url, catalogFile, leaseMs: LEASE_MS, isMutated: mutate }, directory)
  try {
    const expected = await runRounds(chaos, log, createRandom(seed + 1), runs)
    const isSettled = await waitUntilHandled(log)
    if (!isSettled) progress('The streams did not reach the end of the log.')
    await chaos.stop()
    const deliveries = checkDeliveries(expected, chaos.lines())
    progress(JSON.stringify({ ...deliveries, ...chaos.counts }))
    return report(deliveries, chaos, { events: expected.length, isSettled, mutate })
  } finally {
    await chaos.stop()
    await log.close()
    await redis.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

function report(
  deliveries: Deliveries,
  chaos: Chaos,
  { events, isSettled, mutate }: { events: number; isSettled: boolean; mutate: boolean },
): Result {
  const { kills, pauses, restarts } = chaos.counts
  // Around each interruption: what runs and what was finished since the last save, in every part that the process held.
  const maxRepeats = (kills + pauses + restarts * WORKERS) * 8 * 40
  const { lost, outOfOrder, repeats, foreign } = deliveries
  const isWrong = !isSettled || lost > 0 || outOfOrder > 0 || foreign > 0 || repeats > maxRepeats
  return {
    name: 'fuzz-streams',
    metrics: { cases: events, lost, outOfOrder, repeats, foreign, kills, pauses, restarts },
    failed: isWrong !== mutate,
  }
}

async function runRounds(chaos: Chaos, log: ChangeLog, random: Random, events: number): Promise<Expected[]> {
  const expected: Expected[] = []
  const ranks = new Map<number, number>()
  let index = 1
  for (let worker = 0; worker < WORKERS; worker++) chaos.start(worker)
  for (let round = 0; round < ROUNDS; round++) {
    // For two rounds nobody is there to read.
    if (round === 15) await chaos.killAll()
    if (round === 17) for (let worker = 0; worker < WORKERS; worker++) chaos.start(worker)
    const until = Math.ceil((events * (round + 1)) / ROUNDS)
    while (expected.length < until) {
      const batches = Array.from({ length: Math.min(1 + random.whole(50), until - expected.length) }, () => {
        const key = random.whole(KEYS)
        const rank = (ranks.get(key) ?? 0) + 1
        ranks.set(key, rank)
        const event: Expected = { key: String(key), rank, isPublic: random.chance(0.5) }
        expected.push(event)
        return { entries: [changeOf(index++, key, event)] }
      })
      await appendPatiently(log, batches)
    }
    await chaos.strike(round)
    progress(`round ${round + 1}/${ROUNDS}: ${expected.length} events, ${JSON.stringify(chaos.counts)}`)
  }
  return expected
}

/** The first event of a note creates it, the others update it. */
function changeOf(index: number, id: number, { rank, isPublic }: Expected): LogEntry {
  const after: NoteRow = { ...noteRow(index), id, rank, isPublic }
  return noteEntry(index, after, rank === 1 ? null : { ...after, rank: rank - 1 })
}

async function appendPatiently(log: ChangeLog, batches: Parameters<ChangeLog['append']>[0]): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await log.append(batches)
      return
    } catch (error) {
      if (attempt > 100) throw error
      await sleep(100)
    }
  }
}

/** Kills, pauses and restarts, and what the processes have written down. */
class Chaos {
  readonly counts = { kills: 0, pauses: 0, restarts: 0 }
  readonly #redis: RedisServer
  readonly #random: Random
  readonly #job: Omit<FuzzJob, 'worker' | 'outFile'>
  readonly #directory: string
  readonly #children = new Map<number, ChildProcess>()
  readonly #files: string[] = []

  constructor(redis: RedisServer, random: Random, job: Omit<FuzzJob, 'worker' | 'outFile'>, directory: string) {
    this.#redis = redis
    this.#random = random
    this.#job = job
    this.#directory = directory
  }

  start(worker: number): void {
    const outFile = join(this.#directory, `worker-${this.#files.length}.txt`)
    this.#files.push(outFile)
    const job: FuzzJob = { ...this.#job, worker, outFile }
    const program = join(import.meta.dirname, 'streams/fuzz-worker.ts')
    const child = spawn(process.execPath, ['--conditions=@zenstack-live/source', program, JSON.stringify(job)], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    this.#children.set(worker, child)
  }

  async strike(round: number): Promise<void> {
    const worker = this.#random.whole(WORKERS)
    const child = this.#children.get(worker)
    const choice = child === undefined ? 3 : this.#random.whole(4)
    if (child !== undefined && choice <= 1) {
      await end(child)
      this.counts.kills++
      this.start(worker)
    } else if (child !== undefined && choice === 2) {
      // Long enough for another process to take over.
      child.kill('SIGSTOP')
      this.counts.pauses++
      await sleep(LEASE_MS * 1.5)
      child.kill('SIGCONT')
    }
    if (round % 10 === 9) {
      await this.#redis.kill()
      this.counts.restarts++
      await sleep(200)
      await this.#redis.start()
    }
    await sleep(this.#random.whole(500))
  }

  async killAll(): Promise<void> {
    for (const [worker, child] of this.#children) {
      this.#children.delete(worker)
      await end(child)
      this.counts.kills++
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#children.values()].map((child) => end(child)))
    this.#children.clear()
  }

  lines(): string[] {
    return this.#files
      .filter((file) => existsSync(file))
      .flatMap((file) =>
        readFileSync(file, 'utf8')
          .split('\n')
          .filter((line) => line !== ''),
      )
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  child.kill('SIGKILL')
  await ended
}

/** Whether every id comes to the end of the log, however long it takes as long as some go on. */
async function waitUntilHandled(log: ChangeLog): Promise<boolean> {
  let deadline = performance.now() + SETTLE_MS
  let known = ''
  while (performance.now() < deadline) {
    try {
      const [{ newest }, readers] = await Promise.all([log.state(), log.readers.list()])
      const places = readers.filter(({ id }) => !id.includes('~'))
      if (newest !== undefined && places.length >= 7 && places.every(({ cursor }) => cursor !== undefined && compareEntryIds(cursor, newest) >= 0))
        return true
      const seen = places.map(({ cursor }) => cursor).join()
      if (seen !== known) deadline = performance.now() + SETTLE_MS
      known = seen
    } catch {
      // Redis may still be coming up.
    }
    await sleep(100)
  }
  return false
}

async function readWorkspaceCatalog(): Promise<unknown> {
  const postgres = await startPostgres()
  try {
    const database = await openNoteDatabase(postgres.url)
    await database.close()
    return database.data.catalog
  } finally {
    await postgres.stop()
  }
}
