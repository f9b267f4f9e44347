import { connect, createServer, type Socket } from 'node:net'
import { freePort } from '@zenstack-live/testing'

/** A server's address behind which nothing answers until it is opened. */
export interface PortGate {
  /** The server's URL, through the gate. */
  url: string
  open(): Promise<void>
  close(): Promise<void>
}

export async function createPortGate(serverUrl: string): Promise<PortGate> {
  const behind = new URL(serverUrl)
  const port = await freePort()
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    const onward = connect(Number(behind.port), behind.hostname)
    for (const [one, other] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      sockets.add(one)
      one.on('error', () => undefined)
      one.on('close', () => {
        sockets.delete(one)
        other.destroy()
      })
      one.pipe(other)
    }
  })
  const url = new URL(serverUrl)
  url.hostname = '127.0.0.1'
  url.port = String(port)
  return {
    url: url.href,
    open: () => new Promise((resolve) => server.listen(port, '127.0.0.1', resolve)),
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
