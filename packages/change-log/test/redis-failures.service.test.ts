import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FIRST_ENTRY_ID, type EntryId } from '@zenstack-live/protocol'
import { findRedis, freePort, startRedis, type RedisServer } from '@zenstack-live/testing'
import { Redis } from 'ioredis'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { openRedisLog, type ChangeLog } from '../src/index.ts'
import { epochMark, ids, progress, rowId, transaction } from './transactions.ts'

/** Longer than anything takes that goes well, also on a busy machine. */
const PATIENCE_MS = 60_000

const open: { close(): Promise<void> }[] = []

afterEach(async () => {
  for (const resource of open.splice(0).toReversed()) await resource.close()
})

describe('a Redis restart', () => {
  it('loses nothing of a persistent log, and followers go on by themselves', async () => {
    const { server, log } = await start({ isPersistent: true })
    await log.append([transaction(10)])
    const follower = follow(log, FIRST_ENTRY_ID)
    await follower.has(1)
    await server.kill()
    await expect(log.append([transaction(20)])).rejects.toMatchObject({ code: 'log_unavailable' })
    await server.start()
    await vi.waitFor(() => log.append([transaction(20)]), PATIENCE_MS)
    await log.append([transaction(30)])
    await follower.has(3)
    expect(follower.seen).toEqual([10, 20, 30].map((lsn) => rowId(lsn, 1)))
  })

  it('of a log without persistence is noticed by writer and follower, and it can be filled again', async () => {
    const { server, log } = await start()
    await log.append([transaction(10), transaction(20)])
    const { identity } = log
    const follower = follow(log, FIRST_ENTRY_ID)
    await follower.has(2)
    await server.kill()
    await server.start()
    await expect(follower.ended).rejects.toMatchObject({ code: 'log_recreated' })
    // The follower that noticed may already have given the new log its identity: the writer then finds the tail lost.
    await expect(log.append([transaction(30)])).rejects.toMatchObject({ code: expect.stringMatching(/^log_(recreated|lost_tail)$/) })
    expect(log.identity).not.toBe(identity)
    expect((await log.state()).newest).toBeUndefined()
    await log.append([transaction(10), transaction(20), transaction(30)])
    expect(ids(await log.read(FIRST_ENTRY_ID))).toEqual([10, 20, 30].map((lsn) => rowId(lsn, 1)))
  })

  it('that loses the newest entries is noticed by the writer, and a follower waits until they are back', async () => {
    const { server, log } = await start({ args: ['--dbfilename', 'changes.rdb'] })
    await log.append([transaction(10)])
    const admin = connect(server)
    await admin.save()
    await log.append([transaction(20), progress(25)])
    const follower = follow(log, FIRST_ENTRY_ID)
    await follower.has(3)
    await server.kill()
    await server.start()
    expect(await firstAnswer(log, 30)).toMatchObject({ code: 'log_lost_tail' })
    expect((await log.state()).newest).toBe(rowId(10, 1))
    await log.append([transaction(20), transaction(30)])
    await follower.has(4)
    expect(follower.seen).toEqual([rowId(10, 1), rowId(20, 1), rowId(25, 0), rowId(30, 1)])
  })

  it('that loses them for good gives a follower the epoch mark', async () => {
    const { server, log } = await start({ args: ['--dbfilename', 'changes.rdb'] })
    await log.append([transaction(10)])
    await connect(server).save()
    await log.append([transaction(20)])
    const follower = follow(log, FIRST_ENTRY_ID)
    await follower.has(2)
    await server.kill()
    await server.start()
    expect(await firstAnswer(log, 30)).toMatchObject({ code: 'log_lost_tail' })
    await log.append([epochMark(30, 2), transaction(40, { epoch: 2 })])
    await follower.has(4)
    expect(follower.seen.slice(2)).toEqual([rowId(30, 0, 2), rowId(40, 1, 2)])
  })

  it('that never brings them back ends a follower after a while', async () => {
    const { server, log } = await start({ args: ['--dbfilename', 'changes.rdb'], limits: { healMs: 300 } })
    await log.append([transaction(10)])
    await connect(server).save()
    await log.append([transaction(20)])
    const follower = follow(log, FIRST_ENTRY_ID)
    await follower.has(2)
    await server.kill()
    await server.start()
    await expect(follower.ended).rejects.toMatchObject({ code: 'log_lost_tail' })
  })
})

describe('a stream that someone deletes', () => {
  it('is noticed by the writer before it writes on', async () => {
    const { server, log } = await start()
    await log.append([transaction(10)])
    await connect(server).del('zenstack:changes')
    await expect(log.append([transaction(20)])).rejects.toMatchObject({ code: 'log_lost_tail' })
    await expect(log.append([transaction(20)])).rejects.toMatchObject({ message: expect.stringContaining('Repeat that one first') })
    await log.append([transaction(10), transaction(20)])
    expect((await log.state()).entries).toBe(2)
  })

  it('is noticed by the writer after FLUSHALL', async () => {
    const { server, log } = await start()
    await log.append([transaction(10)])
    await connect(server).flushall()
    await expect(log.append([transaction(20)])).rejects.toMatchObject({ code: 'log_recreated' })
  })

  it('takes nothing from processes that run of what they agreed on, and who comes later agrees with them', async () => {
    const { server, log } = await start()
    await log.notes.agree('secret', 'ours')
    await connect(server).flushall()
    await expect(follow(log, FIRST_ENTRY_ID).ended).rejects.toMatchObject({ code: 'log_recreated' })
    const later = await openRedisLog({ url: server.url })
    open.push(later)
    expect(await later.notes.agree('secret', 'theirs')).toBe('ours')
  })

  it('warns of what another process agreed on before those that run had noticed', async () => {
    const warnings: string[] = []
    const { server, log } = await start({ onWarning: (message) => void warnings.push(message) })
    await log.notes.agree('secret', 'ours')
    await connect(server).flushall()
    const later = await openRedisLog({ url: server.url })
    open.push(later)
    await later.notes.agree('secret', 'theirs')
    await expect(follow(log, FIRST_ENTRY_ID).ended).rejects.toMatchObject({ code: 'log_recreated' })
    expect(warnings.filter((warning) => warning.includes('"secret"'))).toHaveLength(1)
    expect(warnings.join()).not.toMatch(/ours|theirs/)
  })
})

describe('a Redis that refuses to write', () => {
  it('for want of memory, keeps all or nothing of what was asked, and goes on when there is room', async () => {
    const { server, log } = await start({ args: ['--maxmemory', '6mb', '--maxmemory-policy', 'noeviction'] })
    let lsn = 0
    const fill = async (): Promise<void> => {
      for (;;) await log.append([transaction(++lsn, { rows: 20, padding: 2000 }), transaction(++lsn, { rows: 20, padding: 2000 })])
    }
    await expect(fill()).rejects.toMatchObject({ code: 'log_unavailable', message: expect.stringContaining('maxmemory') })
    expect((await log.state()).newest).toBe(rowId(lsn - 2, 20))
    await connect(server).config('SET', 'maxmemory', '100mb')
    await expect(log.append([transaction(lsn + 1)])).rejects.toMatchObject({ message: expect.stringContaining('Repeat that one first') })
    await log.append([transaction(lsn - 1, { rows: 20 }), transaction(lsn, { rows: 20 })])
    const entries = await log.read(FIRST_ENTRY_ID, { count: 100_000 })
    expect(ids(entries)).toEqual(Array.from({ length: lsn * 20 }, (_, index) => rowId(Math.floor(index / 20) + 1, (index % 20) + 1)))
  })

  it('as a replica, says so and goes on after the failover', async () => {
    const { server, log } = await start()
    await log.append([transaction(10)])
    const admin = connect(server)
    await admin.replicaof('127.0.0.1', 1)
    await expect(log.append([transaction(20)])).rejects.toMatchObject({ code: 'log_unavailable', message: expect.stringContaining('replica') })
    await admin.replicaof('NO', 'ONE')
    await vi.waitFor(() => log.append([transaction(20)]), PATIENCE_MS)
    expect((await log.state()).newest).toBe(rowId(20, 1))
  })

  it('because its disk fails, says so', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'zenstack-live-misconf-'))
    open.push({ close: async () => rmSync(directory, { recursive: true, force: true }) })
    const { server, log } = await start({ directory, args: ['--save', '3600 1', '--dbfilename', 'changes.rdb'] })
    await log.append([transaction(10)])
    const admin = connect(server)
    await makeSnapshotFail(directory, admin)
    await expect(log.append([transaction(20)])).rejects.toMatchObject({ code: 'log_unavailable', message: expect.stringContaining('MISCONF') })
    await admin.config('SET', 'stop-writes-on-bgsave-error', 'no')
    await log.append([transaction(20)])
    // A server with snapshots to write would not end while it cannot write them.
    await admin.config('SET', 'save', '')
  })
})

describe('opening a Redis log', () => {
  it('names the server that cannot be reached', async () => {
    const port = await freePort()
    const message = expect.stringContaining(`ECONNREFUSED 127.0.0.1:${port}`) as string
    await expect(openRedisLog({ url: `redis://127.0.0.1:${port}` })).rejects.toMatchObject({ code: 'log_unavailable', message })
  })

  it('refuses Redis 5', async () => {
    const { url } = await startScriptedRedis('redis_version:5.0.14')
    await expect(openRedisLog({ url })).rejects.toMatchObject({ code: 'log_unsupported', message: expect.stringContaining('5.0.14 is too old') })
  })

  it('names commands that the server lacks', async () => {
    const { url } = await startScriptedRedis('redis_version:7.0.0')
    await expect(openRedisLog({ url })).rejects.toMatchObject({
      code: 'log_unsupported',
      message: expect.stringContaining('lacks the commands xadd'),
    })
  })

  it('goes by the version of Redis that Valkey stands for, and calls it by its own', async () => {
    const { url } = await startScriptedRedis('server_name:valkey\r\nredis_version:7.2.4\r\nvalkey_version:8.1.1')
    await expect(openRedisLog({ url })).rejects.toMatchObject({ message: expect.stringMatching(/^Valkey 8\.1\.1 lacks the commands/) })
  })

  it('names the key that holds something else', async () => {
    const { server, log } = await start()
    const admin = connect(server)
    await admin.set('other', 'text')
    await expect(openRedisLog({ url: server.url, name: 'other' })).rejects.toMatchObject({
      code: 'log_unsupported',
      message: expect.stringContaining('holds something else') as string,
    })
    await log.append([transaction(10)])
  })

  it('works as a user who may touch only the log, and says what another one lacks', async () => {
    const { server } = await start()
    const admin = connect(server)
    await admin.acl('SETUSER', 'live', 'on', '>secret', '~zenstack:changes', '~{zenstack:changes}:*', '+@all', '-@dangerous', '+info')
    const url = new URL(server.url)
    Object.assign(url, { username: 'live', password: 'secret' })
    const log = await openRedisLog({ url: url.href })
    open.push(log)
    await log.append([transaction(10)])
    expect(await log.trim({ maxEntries: 10 })).toMatchObject({ removed: 0 })
    await follow(log, FIRST_ENTRY_ID).has(1)
    await expect(openRedisLog({ url: url.href, name: 'elsewhere' })).rejects.toMatchObject({ code: 'log_unsupported' })
    url.password = 'wrong'
    await expect(openRedisLog({ url: url.href })).rejects.toMatchObject({ code: 'log_unsupported' })
  })

  it('warns of a server that may evict the log', async () => {
    const server = await startRedis({ args: ['--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru'] })
    open.push({ close: () => server.stop() })
    const onWarning = vi.fn<(message: string) => void>()
    open.push(await openRedisLog({ url: server.url, onWarning }))
    expect(onWarning).toHaveBeenCalledWith(expect.stringContaining('allkeys-lru'))
  })
})

describe('a Redis Cluster', () => {
  it('carries the log on one node', async () => {
    const args = ['--cluster-enabled', 'yes', '--cluster-config-file', 'nodes.conf', '--cluster-announce-ip', '127.0.0.1']
    // By default it listens also on a port 10000 higher, which need not be free, or there.
    const server = await startRedis({ args: [...args, '--cluster-port', String(await freePort())] })
    open.push({ close: () => server.stop() })
    const admin = connect(server)
    await admin.cluster('ADDSLOTSRANGE', 0, 16_383)
    await vi.waitFor(async () => expect(await admin.cluster('INFO')).toContain('cluster_state:ok'), PATIENCE_MS)
    const log = await openRedisLog({ cluster: { nodes: [{ host: '127.0.0.1', port: server.port }] } })
    open.push(log)
    await log.append([transaction(10, { rows: 2 }), transaction(20)])
    const follower = follow(log, FIRST_ENTRY_ID)
    await follower.has(3)
    const lease = await log.readers.acquire('mail', { owner: 'me', leaseMs: 1000 })
    expect(lease).toMatchObject({ fence: 1 })
    expect(await log.state()).toMatchObject({ entries: 3 })
  })
})

describe('Redis Sentinel', () => {
  it('leads the log to the new primary after a failover', async () => {
    const [primary, replica] = await Promise.all([startRedis(), startRedis()])
    open.push({ close: () => primary.stop() }, { close: () => replica.stop() })
    await connect(replica).replicaof('127.0.0.1', primary.port)
    const sentinelPort = await startSentinel(primary)
    const log = await openRedisLog({ connection: { sentinels: [{ host: '127.0.0.1', port: sentinelPort }], name: 'main' } })
    open.push(log)
    await log.append([transaction(10)])
    const follower = follow(log, FIRST_ENTRY_ID)
    await follower.has(1)
    await vi.waitFor(async () => expect(await connect(replica).xlen('zenstack:changes')).toBe(1), PATIENCE_MS)
    await primary.kill()
    await vi.waitFor(() => log.append([transaction(20)]), { timeout: 90_000, interval: 200 })
    await follower.has(2)
    expect(follower.seen).toEqual([rowId(10, 1), rowId(20, 1)])
    expect(await connect(replica).xlen('zenstack:changes')).toBe(2)
  })
})

interface StartOptions {
  isPersistent?: boolean
  directory?: string
  args?: string[]
  limits?: NonNullable<Parameters<typeof openRedisLog>[0]['limits']>
  onWarning?: (message: string) => void
}

async function start({ isPersistent = false, directory, args = [], limits = {}, onWarning = () => {} }: StartOptions = {}): Promise<{
  server: RedisServer
  log: ChangeLog
}> {
  const server = await startRedis({ isPersistent, args, ...(directory === undefined ? {} : { directory }) })
  open.push({ close: () => server.stop() })
  const log = await openRedisLog({ url: server.url, limits: { verifyIntervalMs: 200, blockMs: 200, ...limits }, onWarning })
  open.push(log)
  return { server, log }
}

function connect(server: RedisServer): Redis {
  const client = new Redis(server.url, { maxRetriesPerRequest: 20 })
  client.on('error', () => undefined)
  open.push({ close: async () => client.disconnect() })
  return client
}

function follow(log: ChangeLog, after: EntryId): { seen: EntryId[]; has(count: number): Promise<void>; ended: Promise<void> } {
  const seen: EntryId[] = []
  const stop = new AbortController()
  const ended = (async () => {
    for await (const page of log.tail(after, { signal: stop.signal })) seen.push(...ids(page))
  })()
  ended.catch(() => undefined)
  open.push({ close: async () => stop.abort() })
  return { seen, ended, has: (count) => waitForCount(seen, count) }
}

async function waitForCount(seen: readonly EntryId[], count: number): Promise<void> {
  await vi.waitFor(() => expect(seen.length).toBeGreaterThanOrEqual(count), PATIENCE_MS)
}

/** What an append ends with once Redis answers again. */
async function firstAnswer(log: ChangeLog, lsn: number): Promise<unknown> {
  return vi.waitFor(async () => {
    const outcome = await log.append([transaction(lsn)]).catch((error: unknown) => error)
    expect(outcome).not.toMatchObject({ code: 'log_unavailable' })
    return outcome
  }, PATIENCE_MS)
}

/** A folder stands where the snapshot would be renamed to. */
async function makeSnapshotFail(directory: string, admin: Redis): Promise<void> {
  mkdirSync(join(directory, 'changes.rdb', 'taken'), { recursive: true })
  await admin.bgsave().catch(() => undefined)
  await vi.waitFor(async () => expect(await admin.info('persistence')).toContain('rdb_last_bgsave_status:err'), PATIENCE_MS)
}

async function startSentinel(primary: RedisServer): Promise<number> {
  const program = findRedis()
  if (program === undefined) throw new Error('There is no Redis.')
  const [directory, port] = [mkdtempSync(join(tmpdir(), 'zenstack-live-sentinel-')), await freePort()]
  writeFileSync(
    join(directory, 'sentinel.conf'),
    [
      `port ${port}`,
      'bind 127.0.0.1',
      `sentinel monitor main 127.0.0.1 ${primary.port} 1`,
      // A server that is only slow must not lose its place.
      'sentinel down-after-milliseconds main 5000',
      'sentinel failover-timeout main 2000',
    ].join('\n'),
  )
  const child = spawn(program.command, [join(directory, 'sentinel.conf'), '--sentinel'], { stdio: 'ignore', env: { ...process.env, ...program.env } })
  open.push({
    async close() {
      child.kill('SIGKILL')
      rmSync(directory, { recursive: true, force: true })
    },
  })
  const probe = new Redis({ port, host: '127.0.0.1', maxRetriesPerRequest: 50 })
  probe.on('error', () => undefined)
  open.push({ close: async () => probe.disconnect() })
  // The sentinel promotes only a replica that it has heard of.
  await vi.waitFor(async () => expect(await probe.call('SENTINEL', 'replicas', 'main')).toHaveLength(1), PATIENCE_MS)
  return port
}

/** A server that says it is this version, and knows no command. */
async function startScriptedRedis(info: string): Promise<{ url: string }> {
  const server: Server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.on('data', (data) => {
      for (const command of data.toString().matchAll(/\*\d+\r\n\$\d+\r\n(\w+)/g)) {
        const name = (command[1] ?? '').toLowerCase()
        if (name === 'info') socket.write(`$${info.length}\r\n${info}\r\n`)
        else if (name === 'command') socket.write('*1\r\n*-1\r\n')
        else if (name === 'hello') socket.write("-ERR unknown command 'HELLO'\r\n")
        else socket.write('+OK\r\n')
      }
    })
  })
  const port = await freePort()
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  open.push({ close: async () => void server.close() })
  return { url: `redis://127.0.0.1:${port}` }
}
