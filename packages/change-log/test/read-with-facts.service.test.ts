import { createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { readWithFacts } from '../src/redis/read-with-facts.ts'
import { connectForBlocking } from '../src/redis/redis-connection.ts'

const PAGE = '*1\r\n*2\r\n$1\r\ns\r\n*0\r\n'
const FACTS = '*1\r\n$4\r\nmine\r\n'

const open: { close(): void }[] = []

afterEach(() => {
  for (const resource of open.splice(0).toReversed()) resource.close()
})

describe('a read and its facts', () => {
  it('are of one connection', async () => {
    const { read, asked } = await fakeRedis((command) => (command === 'xread' ? PAGE : FACTS))
    await expect(read()).resolves.toMatchObject({ facts: ['mine'] })
    expect(asked).toEqual(['1 xread', '1 hmget'])
  })

  it('are both asked for again where the connection is lost before either is answered', async () => {
    const { read, asked } = await fakeRedis((command, connection) => (connection === 1 ? 'hang up' : command === 'xread' ? PAGE : FACTS))
    await expect(read()).resolves.toMatchObject({ facts: ['mine'] })
    expect(asked.filter((one) => one.startsWith('2'))).toEqual(['2 xread', '2 hmget'])
  })

  it('are refused where it is lost between the two: the next may lead to a server that knows less', async () => {
    const { read, asked } = await fakeRedis((command, connection) => (command === 'xread' ? PAGE : connection === 1 ? 'hang up' : FACTS))
    await expect(read()).rejects.toThrow('lost between a read and its facts')
    expect(asked).toEqual(['1 xread', '1 hmget', '2 hmget'])
  })
})

/** A server that answers what it is told to, command by command; all else is well. */
async function fakeRedis(answer: (command: string, connection: number) => string) {
  const asked: string[] = []
  let connections = 0
  const server = createServer((socket) => {
    const connection = ++connections
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      // Small commands arrive whole on loopback: an array's head, then the name.
      for (const [, name = ''] of chunk.toString('latin1').matchAll(/\*\d+\r\n\$\d+\r\n(\w+)\r\n/g)) reply(socket, name.toLowerCase(), connection)
    })
  })
  const reply = (socket: Socket, command: string, connection: number): void => {
    if (socket.destroyed) return
    if (command === 'info') return void socket.write('$21\r\nredis_version:7.2.0\r\n\r\n')
    if (command !== 'xread' && command !== 'hmget') return void socket.write('+OK\r\n')
    asked.push(`${connection} ${command}`)
    const text = answer(command, connection)
    if (text !== 'hang up') return void socket.write(text)
    // Behind what was answered before it.
    socket.end()
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  open.push(server)
  const address = server.address()
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0
  const redis = connectForBlocking({ url: `redis://127.0.0.1:${port}` })
  redis.on('error', () => {})
  open.push({ close: () => redis.disconnect() })
  await new Promise((resolve) => redis.once('ready', resolve))
  return { asked, read: () => readWithFacts(redis, ['COUNT', 1, 'BLOCK', 10, 'STREAMS', 's', '0-0'], ['m', 'identity']) }
}
