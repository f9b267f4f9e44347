import { createServer } from 'node:tls'
import { connect as connectSocket, type AddressInfo } from 'node:net'
import { FIRST_ENTRY_ID, type EntryId } from '@zenstack-live/protocol'
import { freePort, SELF_SIGNED, startRedis, type RedisServer } from '@zenstack-live/testing'
import { Redis } from 'ioredis'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { openRedisLog, type ChangeLog, type RedisLogOptions } from '../src/index.ts'
import { connectForBlocking, connectForCommands } from '../src/redis/redis-connection.ts'
import { parseEntries, parseReadReply } from '../src/redis/redis-entries.ts'
import { ids, rowId, transaction } from './transactions.ts'

const open: { close(): Promise<void> | void }[] = []

afterEach(async () => {
  for (const resource of open.splice(0).toReversed()) await resource.close()
})

describe('Redis behind TLS', () => {
  it('carries the log for those who trust its certificate, and for no others', async () => {
    const server = await startRedis()
    open.push({ close: () => server.stop() })
    const url = await startTlsProxy(server.port)
    const log = await openRedisLog({ url, connection: { tls: { ca: SELF_SIGNED.cert } } })
    open.push(log)
    const follower = follow(log)
    // Larger than a record of TLS and than the buffers of a socket.
    await log.append([transaction(10, { rows: 40, padding: 20_000 }), transaction(20)])
    await follower.has(41)
    await expectPacked({ url, connection: { tls: { ca: SELF_SIGNED.cert } } })
    await expect(openRedisLog({ url })).rejects.toMatchObject({
      code: 'log_unavailable',
      cure: expect.stringContaining('redis.connection.tls.ca') as string,
    })
  })
})

describe('a Redis whose keys have a prefix', () => {
  it('lists its readers with their places', async () => {
    const server = await startRedis()
    open.push({ close: () => server.stop() })
    const log = await openRedisLog({ url: server.url, connection: { keyPrefix: 'app:' } })
    open.push(log)
    await log.append([transaction(10)])
    await log.readers.place(['mail'], { cursor: rowId(10, 1), state: '{}' })
    const lease = await log.readers.acquire('mail', { owner: 'one', leaseMs: 60_000 })
    if ('heldByOwner' in lease) throw new Error('held')
    await log.readers.save(lease, { deadLetters: [{ key: 'a', text: '{}' }] })
    expect(await log.readers.list()).toMatchObject([{ id: 'mail', cursor: rowId(10, 1), state: '{}', owner: 'one', fence: 1, deadLetters: 1 }])
  })
})

describe('a Redis Cluster of three nodes', () => {
  it('carries the log on, through a move of its slot to another node', async () => {
    const [nodes, admins] = await startCluster(3)
    const options = { cluster: { nodes: nodes.map(({ port }) => ({ host: '127.0.0.1', port })) } }
    const log = await openRedisLog(options)
    open.push(log)
    await log.append([transaction(10, { rows: 2 }), transaction(20)])
    const follower = follow(log)
    await follower.has(3)
    const [from, to] = await moveSlotOf('zenstack:changes', nodes, admins)
    expect([await from.exists('zenstack:changes').catch(String), await to.xlen('zenstack:changes')]).toEqual([expect.stringContaining('MOVED'), 3])
    // The other node knows neither the command by its hash nor the one that writes.
    await log.append([transaction(30), transaction(40)])
    await follower.has(5)
    expect(follower.seen).toEqual([rowId(10, 1), rowId(10, 2), rowId(20, 1), rowId(30, 1), rowId(40, 1)])
    expect(ids(await log.read(rowId(20, 1)))).toEqual([rowId(30, 1), rowId(40, 1)])
    await expectPacked(options)
    expect(await log.trim({ maxEntries: 1 })).toMatchObject({ overtaken: [] })
  })
})

/** Pages come past the client library in one piece, in both versions of the protocol; else they are read all the same, but slowly. */
async function expectPacked(options: RedisLogOptions): Promise<void> {
  for (const protocol of [2, 3] as const) {
    const versioned = { ...options, connection: { ...options.connection, protocol } }
    for (const redis of [connectForCommands(versioned), connectForBlocking(versioned)]) {
      open.push({ close: () => redis.disconnect() })
      const key = 'zenstack:changes'
      const replies = [await redis.xrangeBuffer(key, '-', '+', 'COUNT', 2), await redis.xreadBuffer('COUNT', 2, 'STREAMS', key, '0')]
      expect(replies.map((reply: unknown) => Buffer.isBuffer(reply))).toEqual([true, true])
      expect([parseEntries(replies[0]).length, parseReadReply(replies[1]).length]).toEqual([2, 2])
    }
  }
}

async function startTlsProxy(port: number): Promise<string> {
  const proxy = createServer({ ...SELF_SIGNED }, (socket) => {
    const behind = connectSocket(port, '127.0.0.1')
    for (const side of [socket, behind]) side.on('error', () => [socket, behind].forEach((each) => each.destroy()))
    socket.pipe(behind).pipe(socket)
    open.push({ close: () => void socket.destroy() })
  })
  // Who does not trust it hangs up in the handshake.
  proxy.on('tlsClientError', () => undefined)
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  open.push({ close: () => void proxy.close() })
  return `rediss://localhost:${(proxy.address() as AddressInfo).port}`
}

async function startCluster(count: number): Promise<[RedisServer[], Redis[]]> {
  const nodes = await Promise.all(
    Array.from({ length: count }, async () => {
      const port = await freePort()
      const args = [
        '--cluster-enabled',
        'yes',
        '--cluster-config-file',
        'nodes.conf',
        '--cluster-announce-ip',
        '127.0.0.1',
        '--cluster-node-timeout',
        '60000',
      ]
      // By default the nodes talk on a port 10000 higher, which need not be free, or there.
      return startRedis({ port, args: [...args, '--cluster-port', String(await freePort())] })
    }),
  )
  for (const node of nodes) open.push({ close: () => node.stop() })
  const admins = nodes.map(({ url }) => {
    const admin = new Redis(url)
    open.push({ close: () => admin.disconnect() })
    return admin
  })
  const share = Math.ceil(16_384 / count)
  for (const [index, admin] of admins.entries()) {
    await admin.cluster('ADDSLOTSRANGE', index * share, Math.min(16_383, (index + 1) * share - 1))
    await admin.call('CLUSTER', 'SET-CONFIG-EPOCH', index + 1)
  }
  for (const [index, admin] of admins.entries()) {
    const [, busPort = ''] = await admin.config('GET', 'cluster-port')
    if (index > 0) await admins[0]?.call('CLUSTER', 'MEET', '127.0.0.1', nodes[index]?.port ?? 0, busPort)
  }
  await vi.waitFor(async () => {
    for (const admin of admins) {
      const info = await admin.cluster('INFO')
      expect(info).toContain('cluster_state:ok')
      expect(info).toContain(`cluster_known_nodes:${count}`)
    }
  }, 60_000)
  return [nodes, admins]
}

/** Gives the key's slot to the next node, with all that is in it. */
async function moveSlotOf(key: string, nodes: readonly RedisServer[], admins: readonly Redis[]): Promise<[from: Redis, to: Redis]> {
  const slot = (await admins[0]?.cluster('KEYSLOT', key)) ?? 0
  const counts = await Promise.all(admins.map((admin) => admin.cluster('COUNTKEYSINSLOT', slot)))
  const index = counts.findIndex((count) => count > 0)
  const next = (index + 1) % nodes.length
  const [from, to, target] = [admins[index], admins[next], nodes[next]]
  if (from === undefined || to === undefined || target === undefined) throw new Error('No node has the key.')
  const [fromId, toId] = [await from.cluster('MYID'), await to.cluster('MYID')]
  await to.cluster('SETSLOT', slot, 'IMPORTING', fromId)
  await from.cluster('SETSLOT', slot, 'MIGRATING', toId)
  const keys = await from.cluster('GETKEYSINSLOT', slot, 100)
  await from.call('MIGRATE', '127.0.0.1', target.port, '', 0, 5000, 'KEYS', ...keys)
  for (const admin of [to, from, ...admins.filter((each) => each !== to && each !== from)]) await admin.cluster('SETSLOT', slot, 'NODE', toId)
  return [from, to]
}

function follow(log: ChangeLog): { seen: EntryId[]; has(count: number): Promise<void> } {
  const seen: EntryId[] = []
  const stop = new AbortController()
  const ended = (async () => {
    for await (const page of log.tail(FIRST_ENTRY_ID, { signal: stop.signal })) seen.push(...ids(page))
  })()
  ended.catch(() => undefined)
  open.push({ close: () => stop.abort() })
  return { seen, has: (count) => vi.waitFor(() => expect(seen.length).toBeGreaterThanOrEqual(count), 60_000) }
}
