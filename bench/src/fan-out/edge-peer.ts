import { openRedisLog, type ChangeLog } from '@zenstack-live/change-log'
import { parseLsn } from '@zenstack-live/protocol'
import { schema } from '@zenstack-live/testing/workspace'
import type { PostgresServer, RedisServer } from '@zenstack-live/testing'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import pg from 'pg'
import { startLineProcess } from './line-process.ts'
import { pinned } from './native-tools.ts'
import { createNoteChanges, QUERY } from './note-changes.ts'
import { nodeCommand, type Peer, type RunningPeer } from './peer.ts'
import type { EdgeSettings } from './servers/edge.ts'

export interface EdgePeerOptions {
  postgres: PostgresServer
  redis: RedisServer
  /** Processes that share the connections. */
  workers: number
  /** Flags for Node, such as `--cpu-prof`. */
  flags?: readonly string[]
  env?: Readonly<Record<string, string>>
}

const NOTES = 10

/** The real edge: each connection is another person's query under the policy, each event a transaction in the log. */
export function edgePeer(name: string, options: EdgePeerOptions): Peer {
  return { name, start: () => start(options) }
}

async function start({ postgres, redis, workers, flags = [], env = {} }: EdgePeerOptions): Promise<RunningPeer> {
  const databaseUrl = await postgres.createDatabase()
  const pool = new pg.Pool({ connectionString: databaseUrl })
  await fillDatabase(pool)
  const changes = createNoteChanges(await whereDatabaseStands(pool))
  await pool.end()
  const name = `bench:${new URL(databaseUrl).pathname.slice(1)}`
  const log = await openRedisLog({ url: redis.url, name })
  await log.append(changes.beginning)
  const settings: EdgeSettings = { databaseUrl, redis: { url: redis.url, name }, workers }
  const command = nodeCommand('edge.ts', flags)
  // Several workers share all processors, with the client.
  const program = startLineProcess(workers === 1 ? pinned(0, command) : command, { env: { ...env, BENCH_EDGE: JSON.stringify(settings) } })
  const pids = (await program.hear('workers')).split(' ').map(Number)
  return {
    port: Number(await program.hear('port')),
    request: request(),
    openMarker: 'event: ready',
    pids,
    send: (events) => log.append(changes.next(events)),
    async directWrites() {
      program.say('direct')
      return Number(await program.hear('direct'))
    },
    async collect() {
      program.say('collect')
      await program.hear('gathered')
    },
    stop: () => stop(log, program),
  }
}

async function stop(log: ChangeLog, program: { stop(): Promise<void> }): Promise<void> {
  await program.stop()
  await log.close()
}

function request(): string {
  const q = encodeURIComponent(JSON.stringify(QUERY.args))
  return [`GET /api/live/note/findMany?q=${q} HTTP/1.1`, 'Host: 127.0.0.1', 'Accept: text/event-stream', 'X-User: person-%n', '', ''].join('\r\n')
}

async function fillDatabase(pool: pg.Pool): Promise<void> {
  const db = new ZenStackClient(schema, { dialect: new PostgresDialect({ pool }) })
  await db.$pushSchema()
  await db.user.create({ data: { id: 'owner', name: 'Owner' } })
  await db.note.createMany({
    data: Array.from({ length: NOTES }, (_, index) => ({ id: index + 1, ownerId: 'owner', body: 'a note', isPublic: true, secret: 'not for you' })),
  })
  // As `zenstack-live setup` leaves it.
  const { rows } = await pool.query<{ name: string }>(
    `SELECT format('%I', relname) AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace`,
  )
  for (const { name } of rows) await pool.query(`ALTER TABLE ${name} REPLICA IDENTITY FULL`)
}

async function whereDatabaseStands(pool: pg.Pool): Promise<Parameters<typeof createNoteChanges>[0]> {
  const { rows } = await pool.query<{ lsn: string; xid: string }>(
    'SELECT pg_current_wal_insert_lsn()::text AS lsn, pg_snapshot_xmax(pg_current_snapshot())::text AS xid',
  )
  const [{ lsn, xid } = { lsn: '0/0', xid: '0' }] = rows
  return { lsn: parseLsn(lsn), xid: Number(xid) }
}
