import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { serve } from '@hono/node-server'
import { serveStatic } from '@hono/node-server/serve-static'
import { encodeFrame, encodeIdBlock, queryId, type LiveRequestBody, type QueryId } from '@zenstack-live/protocol'
import { Hono } from 'hono'
import type { Random } from '../random.ts'
import { listSnapshot, numberedChange } from './list-frames.ts'

/** An edge that knows one list, and the page that shows it. */
export interface ListServer {
  readonly url: string
  /** Transactions at a steady rate, each of which changes one row, and the number that the last one carries. @returns how many there were */
  change(perSecond: number, ms: number): Promise<number>
  /** The number of the last transaction. */
  readonly lastLsn: number
  close(): Promise<void>
}

/** Rows at the top, which are in view: half of the changes are among them. */
const ROWS_IN_VIEW = 40
/** After so many transactions comes a mark that changes nothing, as the edge sends for what happens to other lists. */
const CHANGES_PER_MARK = 5

export async function serveList(page: string, rows: number, random: Random): Promise<ListServer> {
  const bytes = new TextEncoder()
  let stream: { readonly q: QueryId; readonly controller: ReadableStreamDefaultController<Uint8Array> } | undefined
  let lsn = 1

  const app = new Hono()
  app.post('/api/live', async (c) => {
    const { queries } = await c.req.json<LiveRequestBody>()
    const [query] = queries
    if (query === undefined) return c.body(null, 400)
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        stream = { q: queryId(query), controller }
        controller.enqueue(bytes.encode(listSnapshot(stream.q, rows).map(encodeFrame).join('') + encodeIdBlock(position(lsn))))
      },
      cancel() {
        stream = undefined
      },
    })
    return c.body(body, 200, { 'content-type': 'text/event-stream' })
  })
  app.use('*', serveStatic({ root: page }))
  const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' })
  await new Promise((resolve) => server.once('listening', resolve))

  const send = (): void => {
    if (stream === undefined) throw new Error('The page let its stream go.')
    lsn++
    const row = random.whole(random.whole(2) === 0 ? ROWS_IN_VIEW : rows - 1)
    const mark = lsn % CHANGES_PER_MARK === 0 ? encodeIdBlock(position(lsn, 'x')) : ''
    stream.controller.enqueue(bytes.encode(encodeFrame(numberedChange(stream.q, lsn, row, rows)) + encodeIdBlock(position(lsn)) + mark))
  }

  return {
    // A TCP server that listens has an address of this kind.
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    get lastLsn() {
      return lsn
    },
    async change(perSecond, ms) {
      const [begun, before] = [performance.now(), lsn]
      for (;;) {
        const passed = performance.now() - begun
        if (passed >= ms) return lsn - before
        for (let sent = lsn - before; sent < (passed / 1000) * perSecond; sent++) send()
        await sleep(1000 / perSecond / 2)
      }
    },
    close: () =>
      new Promise((resolve) => {
        stream?.controller.close()
        server.close(() => resolve())
      }),
  }
}

const position = (lsn: number, suffix = ''): string => `1~log~0~${lsn}-0~${lsn}~signature${suffix}.scope`
