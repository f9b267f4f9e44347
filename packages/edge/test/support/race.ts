import { deserialize } from '@zenstackhq/client-helpers/fetch'
import type { Frame, ResultOperation, SnapshotRow } from '@zenstack-live/protocol'
import pg from 'pg'
import type { Workspace } from './workspace.ts'

/** What a reader saw that it must not see. */
export interface Faults {
  lost: number
  repeated: number
  regressed: number
}

type Versions = Map<string, number>

/** Reads frames as a client does, and counts what goes back or comes twice. Rows carry a version in `rank` that only rises. */
export function judge(frames: readonly Frame[], versions: Versions, faults: Faults): void {
  let part: Versions = new Map()
  let isNew = false
  let isReplay = false
  for (const frame of frames) {
    if (frame.event === 'ready') {
      isReplay = !isNew
      isNew = false
    }
    if (frame.event === 'snapshot' && frame.shape !== 'value') {
      isNew = true
      if (frame.part === 0) part = new Map()
      for (const { key, row } of deserialize(frame.rows, frame.meta) as SnapshotRow[]) {
        const { rank } = row as { rank: number }
        if (rank < (versions.get(key) ?? 0)) faults.regressed++
        part.set(key, rank)
      }
      if (frame.isLast) {
        versions.clear()
        for (const [key, rank] of part) versions.set(key, rank)
      }
    }
    if (frame.event !== 'change') continue
    for (const operation of deserialize(frame.ops, frame.meta) as ResultOperation[]) {
      // What came and went again while nobody listened is told to have gone: the reader may have had it.
      if (isReplay && operation.op === 'leave' && !versions.has(operation.key)) continue
      judgeOperation(operation, versions, faults)
    }
    isReplay = false
  }
}

function judgeOperation(operation: ResultOperation, versions: Versions, faults: Faults): void {
  if (operation.op === 'value' || operation.op === 'move') return
  const held = versions.get(operation.key)
  if (operation.op === 'leave') {
    if (held === undefined) faults.repeated++
    versions.delete(operation.key)
    return
  }
  const rank = operation.op === 'enter' ? (operation.row as { rank: number }).rank : (operation.set['rank'] as number | undefined)
  if (rank === undefined) return
  if (held !== undefined && rank < held) faults.regressed++
  if (held === rank) faults.repeated++
  versions.set(operation.key, rank)
}

/** Rows missing, left over or outdated at a quiet point. */
export function countLost(versions: Versions, expected: Versions): number {
  let lost = 0
  for (const [key, rank] of expected) if (versions.get(key) !== rank) lost++
  for (const key of versions.keys()) if (!expected.has(key)) lost++
  return lost
}

export interface Writers {
  /** Several at once, with pauses inside their transactions. @returns how many commits there were */
  writeFor(options: { durationMs: number; random: () => number; prelude?: string }): Promise<number>
  close(): Promise<void>
}

/** Connections are made once: a burst is short. */
export async function openWriters(workspace: Workspace, count: number): Promise<Writers> {
  const clients = Array.from({ length: count }, () => new pg.Client(workspace.url))
  for (const client of clients) client.on('error', () => {})
  await Promise.all(clients.map((client) => client.connect()))
  return {
    async writeFor({ durationMs, random, prelude = 'RESET synchronous_commit' }) {
      const until = performance.now() + durationMs
      let commits = 0
      const write = async (client: pg.Client): Promise<void> => {
        await client.query(prelude)
        while (performance.now() < until) {
          await writeOnce(client, random)
          commits++
        }
      }
      await Promise.all(clients.map(write))
      return commits
    },
    async close() {
      await Promise.all(clients.map((client) => client.end()))
    },
  }
}

async function writeOnce(client: pg.Client, random: () => number): Promise<void> {
  await client.query('BEGIN')
  // In one order, so that writers wait for each other but never for ever.
  const ids = [...new Set(Array.from({ length: 1 + Math.floor(random() * 3) }, () => 1 + Math.floor(random() * 24)))].sort((a, b) => a - b)
  for (const id of ids) {
    await change(client, id, random())
    if (random() < 0.3) await pause(random() * 3)
  }
  await client.query('COMMIT')
}

async function change(client: pg.Client, id: number, dice: number): Promise<void> {
  // The version of a row never falls, not even when it is deleted and made again. An INSERT that waits for somebody's DELETE has taken its version
  // before, and may come when a later one has come and gone: whoever is to change a row waits here instead.
  await client.query('SELECT pg_advisory_xact_lock($1)', [id])
  if (dice < 0.1) await client.query('DELETE FROM "Note" WHERE id = $1', [id])
  else {
    await client.query(
      `INSERT INTO "Note" (id, "ownerId", body, rank, size, at, "isPublic") VALUES ($1, 'bob', 'b', nextval('versions'), 0, now(), false)
       ON CONFLICT (id) DO UPDATE SET rank = nextval('versions')`,
      [id],
    )
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** A small seeded generator: a failing run can be run again. */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
