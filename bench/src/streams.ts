import { openRedisLog, type ChangeLog } from '@zenstack-live/change-log'
import { compareEntryIds, FIRST_ENTRY_ID, type EntryId } from '@zenstack-live/protocol'
import { createStreams, type Streams } from '@zenstack-live/streams'
import { startPostgres, startRedis } from '@zenstack-live/testing'
import type { schema } from '@zenstack-live/testing/workspace'
import { progress, type CommandOptions, type CommandResult } from './command.ts'
import { noteEntry, noteRow, openNoteDatabase, writeNotes } from './streams/note-log.ts'

/*
 * A backlog of created notes in Redis, read by durable streams of one process: handled one by one, 32 at a time, in a loop, and passed
 * over by filters that match none of them, beside a plain reading of the log. Handlers do nothing: what is measured is delivery, with its counts and places in Redis.
 */

type NoteStreams = Streams<typeof schema>
interface Measured extends Record<string, number> {
  perSecond: number
  cpuMicrosPerEvent: number
}

/** Of the one note behind the others that no filter passes over: it says when a stream is through. */
const RANK_OF_LAST = -1_000_000

/** `runs`: notes in the log. */
export async function run({ runs = 100_000 }: CommandOptions): Promise<CommandResult> {
  const [postgres, redis] = await Promise.all([startPostgres(), startRedis()])
  try {
    const database = await openNoteDatabase(postgres.url)
    const log = await openRedisLog({ url: redis.url })
    progress(`writing ${runs} notes into the log`)
    await writeNotes(log, 1, runs)
    await log.append([{ entries: [noteEntry(runs + 1, { ...noteRow(runs + 1), rank: RANK_OF_LAST })] }])
    const measure = async (name: string, work: (streams: NoteStreams) => Promise<number>): Promise<Measured> => {
      // Places say when a stream that skips a table is through: they must not be told much later.
      const limits = { skipSaveIntervalMs: 250 }
      const streams = createStreams<typeof schema>({ log, client: database.client, dataModel: () => database.data, limits })
      const [startedAt, cpu] = [performance.now(), process.cpuUsage()]
      const events = await work(streams)
      const seconds = (performance.now() - startedAt) / 1000
      const { user, system } = process.cpuUsage(cpu)
      await streams.close()
      const measured = { perSecond: events / seconds, cpuMicrosPerEvent: (user + system) / events }
      progress(`${name}: ${Math.round(measured.perSecond)}/s`)
      return measured
    }
    const few = Math.min(runs, 20_000)
    const works = {
      'log read, no stream': () => readAll(log),
      'handle, concurrency 1': (streams: NoteStreams) => handleUntil(streams, 'one', few, 1),
      'handle, concurrency 32': (streams: NoteStreams) => handleUntil(streams, 'many', runs, 32),
      'for await': (streams: NoteStreams) => loopUntil(streams, runs),
      'skipped, 1 id': (streams: NoteStreams) => skip(streams, 1, runs),
      'skipped, 10 ids': (streams: NoteStreams) => skip(streams, 10, runs),
      'skipped, 100 ids': (streams: NoteStreams) => skip(streams, 100, runs),
      'skipped, other table, 100 ids': (streams: NoteStreams) => skipTable(streams, log, 100, runs),
    }
    const peers: Record<string, Measured> = {}
    for (const [name, work] of Object.entries(works)) peers[name] = await measure(name, work)
    const rateOf = (name: keyof typeof works): number => peers[name]?.perSecond ?? Number.NaN
    await log.close()
    await database.close()
    return {
      name: 'streams',
      metrics: {
        readPerSecond: rateOf('log read, no stream'),
        matchingPerSecond1: rateOf('handle, concurrency 1'),
        matchingPerSecond32: rateOf('handle, concurrency 32'),
        skippedPerSecond: rateOf('skipped, 1 id'),
        skippedPerSecond100Ids: rateOf('skipped, 100 ids'),
      },
      peers,
      notes: ['Rates count entries of the log, each once, however many ids look at it. Redis and Postgres share the cores.'],
    }
  } finally {
    await Promise.all([postgres.stop(), redis.stop()])
  }
}

/** What every stream pays at least: all entries, page by page. */
async function readAll(log: ChangeLog): Promise<number> {
  let [count, cursor] = [0, FIRST_ENTRY_ID]
  for (;;) {
    const page = await log.read(cursor)
    const last = page.at(-1)
    if (last === undefined) return count
    count += page.length
    cursor = last.id
  }
}

async function handleUntil(streams: NoteStreams, id: string, events: number, concurrency: number): Promise<number> {
  let handled = 0
  let done: (() => void) | undefined
  const finished = new Promise<void>((resolve) => (done = resolve))
  const handle = streams.handle(
    { model: 'Note', id, start: 'beginning', created: {} },
    () => {
      if (++handled === events) done?.()
    },
    { concurrency },
  )
  await finished
  const counted = handled
  void handle.close()
  return counted
}

async function loopUntil(streams: NoteStreams, events: number): Promise<number> {
  let count = 0
  for await (const event of streams.stream({ model: 'Note', id: 'loop', start: 'beginning', created: {} }))
    if (event.key !== '' && ++count === events) break
  return count
}

/** Resolves when every id has come to the one note that it does not pass over. */
async function skip(streams: NoteStreams, ids: number, events: number): Promise<number> {
  const through = Array.from({ length: ids }, (_, index) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    streams.handle({ model: 'Note', id: `skip-${ids}-${index}`, start: 'beginning', created: { rank: { lt: -index } } }, () => resolve())
    return promise
  })
  await Promise.all(through)
  return events
}

/** Resolves when every id has passed all entries of another table, by the places they keep. */
async function skipTable(streams: NoteStreams, log: ChangeLog, ids: number, events: number): Promise<number> {
  const { newest } = await log.state()
  const names = Array.from({ length: ids }, (_, index) => `skip-table-${index}`)
  for (const id of names) streams.handle({ model: 'Task', id, start: 'beginning', created: {} }, () => undefined)
  if (newest === undefined) return 0
  while (!(await havePassed(log, names, newest))) await new Promise((resolve) => setTimeout(resolve, 50))
  return events
}

async function havePassed(log: ChangeLog, names: readonly string[], newest: EntryId): Promise<boolean> {
  const places = new Map((await log.readers.list()).map(({ id, cursor }) => [id, cursor]))
  return names.every((name) => {
    const cursor = places.get(name)
    return cursor !== undefined && compareEntryIds(cursor, newest) >= 0
  })
}
