import { request, type IncomingMessage } from 'node:http'
import { createSseDecoder, decodeFrame } from '@zenstack-live/protocol'

/** Readers of everybody's tasks that can stop reading, and come back where they were when they are cut. */
export interface StallingReaders {
  /** Stops reading: what comes stays in the sockets. */
  stall(): void
  /** Reads again, and comes back where the stream had ended meanwhile. */
  goOn(): void
  /** How many hold exactly these titles. */
  countHolding(titles: ReadonlyMap<string, string>): number
  readonly tally: Readonly<{ resumes: number; resets: number; repeats: number }>
  close(): void
}

const COME_BACK_AFTER_MS = 50

export async function openStallingReaders(port: number, path: string, users: readonly string[]): Promise<StallingReaders> {
  const tally = { resumes: 0, resets: 0, repeats: 0 }
  const readers = users.map((user) => createReader({ port, path, user, tally }))
  await Promise.all(readers.map((reader) => reader.ready))
  return {
    stall: () => readers.forEach((reader) => reader.stall()),
    goOn: () => readers.forEach((reader) => reader.goOn()),
    countHolding: (titles) => readers.filter(({ held }) => [...titles].every(([id, title]) => held.get(id) === title)).length,
    tally,
    close: () => readers.forEach((reader) => reader.close()),
  }
}

interface Reader {
  /** Titles by the ids of their tasks. */
  readonly held: ReadonlyMap<string, string>
  readonly ready: Promise<void>
  stall(): void
  goOn(): void
  close(): void
}

interface ReaderOptions {
  port: number
  path: string
  user: string
  tally: { resumes: number; resets: number; repeats: number }
}

function createReader({ port, path, user, tally }: ReaderOptions): Reader {
  const held = new Map<string, string>()
  const seen = new Set<string>()
  let response: IncomingMessage | undefined
  let lastEventId = ''
  let isClosed = false
  const { promise: ready, resolve: isReady } = Promise.withResolvers<void>()

  const take = (event: string, data: string): void => {
    const frame = decodeFrame(event, data)
    if (frame?.event === 'ready') isReady()
    if (frame?.event === 'reset') tally.resets++
    // Titles are texts, which JSON carries as they are.
    if (frame?.event === 'snapshot' && frame.shape !== 'value') for (const { key, row } of frame.rows) set(key, row)
    if (frame?.event !== 'change') return
    for (const operation of frame.ops) {
      if (operation.op === 'update') set(operation.key, operation.set)
      if (operation.op === 'enter') set(operation.key, operation.row)
    }
    if (seen.has(frame.at)) tally.repeats++
    seen.add(frame.at)
  }
  const set = (key: string, row: unknown): void => {
    const title: unknown = Reflect.get(Object(row), 'title')
    if (typeof title === 'string') held.set(key, title)
  }
  const open = (): void => {
    if (isClosed) return
    const decoder = createSseDecoder(lastEventId === '' ? {} : { lastEventId })
    const headers = { accept: 'text/event-stream', 'x-user': user, ...(lastEventId === '' ? {} : { 'last-event-id': lastEventId }) }
    const outgoing = request({ port, path, headers, agent: false, host: '127.0.0.1' }, (incoming) => {
      response = incoming
      incoming.setEncoding('utf8').on('data', (text: string) => {
        for (const block of decoder.feed(text)) {
          lastEventId = block.lastEventId ?? ''
          if (block.data !== undefined) take(block.event, block.data)
        }
      })
      incoming.on('error', () => {}).once('close', comeBack)
    })
    outgoing.once('error', () => response === undefined && comeBack()).end()
  }
  const comeBack = (): void => {
    response = undefined
    if (isClosed) return
    tally.resumes++
    setTimeout(open, COME_BACK_AFTER_MS)
  }
  open()
  return {
    held,
    ready,
    stall: () => response?.pause(),
    goOn: () => response?.resume(),
    close() {
      isClosed = true
      response?.destroy()
    },
  }
}
