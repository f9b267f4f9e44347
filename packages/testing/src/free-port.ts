import { createServer } from 'node:net'

// Below those that systems give to outgoing connections by themselves (Linux: from 32768 on): what is free stays so until a server takes it, and
// also while that server is down between two starts. Above 10080, the highest that browsers refuse.
const PORTS = { from: 11_000, to: 32_000 }

const given = new Set<number>()

/** A TCP port on 127.0.0.1 that nothing listened on a moment ago. A process is given each only once. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = PORTS.from + Math.floor(Math.random() * (PORTS.to - PORTS.from))
    if (given.has(port)) continue
    given.add(port)
    if (await isFree(port)) return port
  }
}

async function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? resolve(false) : reject(error)))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
