import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

/** One answer as it went over the wire. */
export interface Exchange {
  method: string
  url: string
  /** Whose token the request bore. */
  person: string | undefined
  lastEventId: string | undefined
  requestBody: string
  status: number
  isStream: boolean
  /** Grows while the answer is being sent. */
  body: string
}

/** Stands between the browser and the demo, and keeps every byte that was sent to each person. */
export interface Recorder {
  readonly url: string
  readonly exchanges: readonly Exchange[]
  /** Everything that was ever sent to this person, streams and answers alike. */
  bytesTo(person: string): string
  streamsOf(person: string): Exchange[]
  /** Ends every open stream the hard way, as a lost network does. */
  cutStreams(): void
  /** Forgets every exchange so far. */
  forget(): void
  close(): Promise<void>
}

export async function startRecorder(targetPort: number): Promise<Recorder> {
  const exchanges: Exchange[] = []
  const streams = new Set<Socket>()
  const server = createServer((incoming, outgoing) => {
    forward(incoming, outgoing, targetPort, (exchange) => {
      exchanges.push(exchange)
      if (!exchange.isStream || outgoing.socket === null) return
      const { socket } = outgoing
      streams.add(socket)
      outgoing.once('close', () => streams.delete(socket))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://localhost:${port}`,
    exchanges,
    bytesTo: (person) =>
      exchanges
        .filter((exchange) => exchange.person === person)
        .map((exchange) => exchange.body)
        .join('\n'),
    streamsOf: (person) => exchanges.filter((exchange) => exchange.isStream && exchange.person === person),
    cutStreams() {
      for (const socket of streams) socket.destroy()
    },
    forget() {
      exchanges.length = 0
    },
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    },
  }
}

function forward(incoming: IncomingMessage, outgoing: ServerResponse, port: number, onExchange: (exchange: Exchange) => void): void {
  const { method = 'GET', url = '/', headers } = incoming
  const chunks: Buffer[] = []
  const upstream = request({ host: '127.0.0.1', port, method, path: url, headers }, (answer) => {
    const isStream = answer.headers['content-type']?.startsWith('text/event-stream') === true
    const exchange: Exchange = {
      method,
      url,
      person: personOf(headers.authorization, url),
      lastEventId: headers['last-event-id'] as string | undefined,
      requestBody: Buffer.concat(chunks).toString(),
      status: answer.statusCode ?? 0,
      isStream,
      body: '',
    }
    onExchange(exchange)
    outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders)
    outgoing.flushHeaders()
    answer.on('data', (chunk: Buffer) => {
      exchange.body += chunk.toString()
      outgoing.write(chunk)
    })
    answer.on('end', () => outgoing.end())
    answer.on('error', () => outgoing.destroy())
  })
  // A dead server looks like one: the browser sees its connection refused or reset.
  upstream.on('error', () => outgoing.destroy())
  outgoing.on('close', () => upstream.destroy())
  incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
  incoming.pipe(upstream)
}

/** A token begins with the person it is for; in a ticket the name stands fourth. */
function personOf(authorization: string | undefined, url: string): string | undefined {
  if (authorization !== undefined) return /^Bearer ([a-z]+)\./.exec(authorization)?.[1]
  const [, , , subject] = new URL(url, 'http://localhost').searchParams.get('access')?.split('~') ?? []
  return subject === undefined ? undefined : Buffer.from(subject, 'base64url').toString()
}
