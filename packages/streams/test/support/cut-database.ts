import { createServer, type Socket } from 'node:net'
import { once } from 'node:events'

/** A database that lets everybody in. */
export interface CutDatabase {
  port: number
  /** Until it is set, each query loses its connection; from then on each finds no rows. */
  isBack: boolean
  close(): Promise<void>
}

const STARTED = Buffer.concat([message('R', Buffer.alloc(4)), message('Z', Buffer.from('I'))])
const NO_ROWS = Buffer.concat([message('1'), message('2'), message('n'), message('C', Buffer.from('SELECT 0\0')), message('Z', Buffer.from('I'))])

export async function openCutDatabase(): Promise<CutDatabase> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined).on('close', () => void sockets.delete(socket))
    socket.once('data', () => {
      socket.write(STARTED)
      socket.on('data', (asked) => {
        if (!database.isBack) socket.destroy()
        // A query's messages come in one piece, and Sync is the last of them.
        else if (asked.subarray(-5).equals(message('S'))) socket.write(NO_ROWS)
      })
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const database: CutDatabase = {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    isBack: false,
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
  return database
}

function message(type: string, body: Buffer = Buffer.alloc(0)): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(body.length + 4)
  return Buffer.concat([Buffer.from(type), length, body])
}
