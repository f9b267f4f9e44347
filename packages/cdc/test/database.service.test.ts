import { afterEach, expect, inject, it, vi } from 'vitest'
import { createDatabase } from '../src/database/query.ts'
import { CAPTURE_LIMITS } from '../src/limits.ts'
import { openTcpProxy } from './support/tcp-proxy.ts'

afterEach(() => vi.useRealTimers())

it('goes on with the connection that took the place of a stuck one, also when that one ends at last', async () => {
  const proxy = await openTcpProxy(inject('postgresUrl'))
  const { sockets } = proxy
  const database = createDatabase(proxy.url)
  const pid = async (): Promise<unknown> => (await database.query('SELECT pg_backend_pid() AS pid'))[0]?.['pid']
  try {
    const first = await pid()
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    proxy.silence(sockets[0])
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
