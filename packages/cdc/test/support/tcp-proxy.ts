import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** Stands between us and Postgres, so that connections can fall silent without an end. */
export interface TcpProxy {
  readonly url: string
  /** Ours, in the order in which they were opened. */
  readonly sockets: readonly Socket[]
  /** Nothing passes any more, in either direction, nor does an end. */
  silence(socket: Socket | undefined): void
  close(): void
}

export async function openTcpProxy(serverUrl: string): Promise<TcpProxy> {
  const url = new URL(serverUrl)
  const { port, hostname } = url
  const sockets: Socket[] = []
  const silent = new Set<Socket>()
  const proxy = createServer((socket) => {
    const server = connect(Number(port), hostname)
    for (const [from, to] of [
      [socket, server],
      [server, socket],
    ] as const) {
      from.on('error', () => {}).on('close', () => silent.has(socket) || to.destroy())
      from.on('data', (bytes) => silent.has(socket) || to.write(bytes))
    }
    sockets.push(socket)
  }).listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  url.host = `127.0.0.1:${(proxy.address() as AddressInfo).port}`
  return {
    url: url.href,
    sockets,
    silence: (socket) => socket !== undefined && silent.add(socket),
    close: () => void proxy.close(),
  }
}
