import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openRedisLog, type ChangeLog } from '@zenstack-live/change-log'
import { compareEntryIds, FIRST_ENTRY_ID, parseEntryId, type EntryId, type LogEntry } from '@zenstack-live/protocol'
import { createStreamAdmin } from '@zenstack-live/streams'
import { startPostgres, startRedis, type RedisServer } from '@zenstack-live/testing'
import { Redis } from 'ioredis'
import { progress, type CommandOptions } from './command.ts'
import { createRandom, type Random } from './random.ts'
import { Chaos, WORKERS } from './streams/chaos.ts'
import { checkDeliveries, FUZZED_IDS, type Deliveries, type Expected } from './streams/check-deliveries.ts'
import { noteEntry, noteRow, openNoteDatabase, type NoteRow } from './streams/note-log.ts'

/*
 * Three processes handle the events of ids of every kind, while events are written:
 *
 *   shared, public, private   with and without a filter
 *   parts, now                in several parts; begun when it is first used
 *   loop                      batches of a loop
 *   split                     in other numbers of parts, as each process wants it
 *   dropped                   begun anew in the middle
 *   poison                    handlers that fail: dead letters, replayed from time to time
 *
 * The processes are killed and paused past their leases at random, Redis is killed and started again, twice it comes back empty, and for a
 * while no process runs. In the end every id must have handled every event it asked for, or been told of the gap, those of a row in order
 * and never two of them at once.
 */

const KEYS = 300
const LEASE_MS = 1_000
const ROUNDS = 40
const SETTLE_MS = 120_000
/** Nobody runs from the first of these rounds to the second. */
const [ALONE_FROM, ALONE_UNTIL] = [15, 17]
/** Redis comes back empty while the streams are far behind, and while they are not. */
const [EMPTIED_EARLY, EMPTIED_LATE] = [12, 25]
const DROPPED_IN = 20

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
  const chaos = new Chaos({
    redis,
    random: createRandom(seed),
    job: { redisUrl: redis.url, catalogFile, leaseMs: LEASE_MS, isMutated: mutate },
    directory,
  })
  const world = new World(redis, await openRedisLog({ url: redis.url }), chaos)
  try {
    await world.play(createRandom(seed + 1), runs)
    const isSettled = await world.settle()
    if (!isSettled) progress('The streams did not reach the end of the log.')
    await chaos.stop()
    const deliveries = checkDeliveries(world.expected, chaos.lines(), world.nowAfter, world.life)
    progress(JSON.stringify({ ...deliveries, ...chaos.counts }))
    return report(deliveries, world, { isSettled, mutate })
  } finally {
    await chaos.stop()
    await world.log.close()
    await redis.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

function report(deliveries: Deliveries, { chaos, expected, replayed, life, untold }: World, how: { isSettled: boolean; mutate: boolean }): Result {
  const { kills, pauses, restarts } = chaos.counts
  // Around each interruption: what runs and what was finished since the last save, in every part that the process held.
  const maxRepeats = (kills + pauses + (restarts + life) * WORKERS) * 12 * 40
  const { lost, outOfOrder, repeats, foreign, overlaps } = deliveries
  const isWrong = !how.isSettled || lost + outOfOrder + foreign + overlaps + untold > 0 || repeats > maxRepeats
  return {
    name: 'fuzz-streams',
    metrics: { cases: expected.length, ...deliveries, untold, kills, pauses, restarts, emptied: life, replayed },
    failed: isWrong !== how.mutate,
  }
}

/** The log, what was written into it, and what operators do. */
class World {
  readonly chaos: Chaos
  readonly expected: Expected[] = []
  log: ChangeLog
  /** Where the id was begun that begins now. */
  nowAfter: EntryId = FIRST_ENTRY_ID
  life = 0
  replayed = 0
  /** Ids that were not told that the log came back empty. */
  untold = 0
  readonly #redis: RedisServer
  readonly #ranks = new Map<number, number>()

  constructor(redis: RedisServer, log: ChangeLog, chaos: Chaos) {
    this.#redis = redis
    this.log = log
    this.chaos = chaos
  }

  async play(random: Random, events: number): Promise<void> {
    this.chaos.startAll()
    for (let round = 0; round < ROUNDS; round++) {
      if (round === ALONE_FROM) await this.chaos.killAll()
      if (round === ALONE_UNTIL) this.chaos.startAll()
      const until = Math.ceil((events * (round + 1)) / ROUNDS)
      while (this.expected.length < until) await this.#append(random, Math.min(1 + random.whole(50), until - this.expected.length))
      if (round === 0) await this.#findNow()
      if (round === DROPPED_IN) await createStreamAdmin(this.log).drop('dropped')
      if (round % 6 === 5) await this.#replay()
      if (round === EMPTIED_LATE) await this.settle()
      if (round === EMPTIED_EARLY || round === EMPTIED_LATE) await this.#empty(random)
      await this.chaos.strike(round)
      progress(`round ${round + 1}/${ROUNDS}: ${this.expected.length} events, ${JSON.stringify(this.chaos.counts)}`)
    }
  }

  /** Whether every id comes to the end of the log, however long it takes as long as some go on. */
  async settle(): Promise<boolean> {
    let deadline = performance.now() + SETTLE_MS
    let known = ''
    while (performance.now() < deadline) {
      try {
        await this.#replay()
        const [{ newest }, streams] = await Promise.all([this.log.state(), createStreamAdmin(this.log).list()])
        const isThere = ({ cursor }: { cursor: EntryId | undefined }): boolean =>
          cursor !== undefined && newest !== undefined && compareEntryIds(cursor, newest) >= 0
        const isDone = streams.every(({ partitions, deadLetters, replaying }) => partitions.every(isThere) && deadLetters + replaying === 0)
        if (isDone && streams.length === FUZZED_IDS.length) return true
        const seen = JSON.stringify(
          streams.map(({ id, partitions, deadLetters, replaying }) => [id, deadLetters, replaying, partitions.map(({ cursor }) => cursor)]),
        )
        if (seen !== known) deadline = performance.now() + SETTLE_MS
        known = seen
      } catch {
        // Redis may still be coming up.
      }
      await sleep(200)
    }
    progress(`Not at the end: ${known}`)
    return false
  }

  async #append(random: Random, count: number): Promise<void> {
    const written: Expected[] = []
    const batches = Array.from({ length: count }, (_, offset) => {
      const key = random.whole(KEYS)
      const rank = (this.#ranks.get(key) ?? 0) + 1
      this.#ranks.set(key, rank)
      const facts = { key: String(key), rank, isPublic: random.chance(0.5), life: this.life }
      const entry = changeOf(this.expected.length + offset + 1, key, facts)
      written.push({ ...facts, position: entry.id })
      return { entries: [entry] }
    })
    await appendPatiently(this.log, batches)
    this.expected.push(...written)
  }

  /** All parts of an id that begins now are begun at one place. */
  async #findNow(): Promise<void> {
    for (let attempt = 0; attempt < 300; attempt++, await sleep(100)) {
      const records = (await this.log.readers.list()).filter(({ id, state }) => id.startsWith('now#') && state !== undefined)
      const begun = new Set(records.map(({ state }) => (JSON.parse(state ?? '{}') as { began: string }).began))
      const [first] = begun
      if (first === undefined || records.length < 3) continue
      if (begun.size > 1) throw new Error(`The parts of an id were begun at different places: ${[...begun].join(', ')}.`)
      this.nowAfter = parseEntryId(first)
      return
    }
    throw new Error('The id that begins now was not begun.')
  }

  async #replay(): Promise<void> {
    this.replayed += await createStreamAdmin(this.log)
      .replay('poison')
      .catch(() => 0)
  }

  /** As a Redis without its data: who is there has to tell it to every id. That takes somebody for each who knows where it was. */
  async #empty(random: Random): Promise<void> {
    const isRead = async (): Promise<boolean> => {
      const streams = await createStreamAdmin(this.log).list()
      const owners = streams.flatMap(({ partitions }) => partitions.map(({ owner }) => owner))
      return streams.length === FUZZED_IDS.length && owners.every((owner) => this.chaos.isRunning(Number(owner?.split(':')[1])))
    }
    const readBy = performance.now() + SETTLE_MS
    while (!(await isRead())) {
      if (performance.now() > readBy) throw new Error(`Not every part of every id has an owner: ${JSON.stringify(await this.log.readers.list())}`)
      await sleep(100)
    }
    await this.#append(random, 50)
    const before = countGaps(this.chaos)
    const redis = new Redis(this.#redis.url)
    await redis.flushall()
    redis.disconnect()
    this.life++
    // A capture begins again, too.
    await this.log.close()
    this.log = await openRedisLog({ url: this.#redis.url })
    const untold = (): string[] => {
      const now = countGaps(this.chaos)
      return FUZZED_IDS.filter((id) => (now.get(id) ?? 0) === (before.get(id) ?? 0))
    }
    const deadline = performance.now() + SETTLE_MS
    while (untold().length > 0 && performance.now() < deadline) await sleep(100)
    this.untold = untold().length
    if (this.untold > 0) progress(`Not told that the log came back empty: ${untold().join(', ')}`)
  }
}

function countGaps(chaos: Chaos): Map<string, number> {
  const gaps = new Map<string, number>()
  for (const [, id, what] of chaos.lines()) if (what === 'gap') gaps.set(id, (gaps.get(id) ?? 0) + 1)
  return gaps
}

/** The first event of a note creates it, the others update it. */
function changeOf(index: number, id: number, { rank, isPublic }: Pick<Expected, 'rank' | 'isPublic'>): LogEntry {
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
