import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { afterEach, expect, inject, it, vi } from 'vitest'
import { createDatabase } from '../src/database/query.ts'
import { CAPTURE_LIMITS } from '../src/limits.ts'

afterEach(() => vi.useRealTimers())

it('goes on with the connection that took the place of a stuck one, also when that one ends at last', async () => {
  const url = new URL(inject('postgresUrl'))
  const sockets: Socket[] = []
  const proxy = createServer((socket) => {
    const server = connect(Number(url.port), url.hostname)
    for (const [from, to] of [
      [socket, server],
      [server, socket],
    ] as const)
      from.on('error', () => {}).on('close', () => to.destroy())
    socket.pipe(server).pipe(socket)
    sockets.push(socket)
  }).listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  const direct = new URL(url)
  direct.host = `127.0.0.1:${(proxy.address() as AddressInfo).port}`
  const database = createDatabase(direct.href)
  const pid = async (): Promise<unknown> => (await database.query('SELECT pg_backend_pid() AS pid'))[0]?.['pid']
  try {
    const first = await pid()
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    sockets[0]?.unpipe()
    const stuck = pid()
    const refused = expect(stuck).rejects.toThrow('timeout')
    await new Promise(setImmediate)
    vi.advanceTimersByTime(CAPTURE_LIMITS.databaseTimeoutMs * 2)
    await refused
    vi.useRealTimers()
    const second = await pid()
    expect(second).not.toBe(first)
    sockets[0]?.destroy()
    // The far end hears of it by the same loop.
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
    expect(await pid()).toBe(second)
    expect(sockets).toHaveLength(2)
  } finally {
    await database.close()
    proxy.close()
  }
})

it('opens no connection any more once it is closed, also not for what waited its turn', async () => {
  const database = createDatabase(inject('postgresUrl'))
  const slow = database.query('SELECT pg_sleep(0.2)').catch(() => undefined)
  const waiting = database.query('SELECT 1')
  const refused = expect(waiting).rejects.toMatchObject({ code: 'capture_unavailable' })
  await database.close()
  await slow
  await refused
})
