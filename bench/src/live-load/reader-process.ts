import { request } from 'node:http'
import type { ReaderAnswer, ReaderOrder, StreamOrder } from './readers.ts'

/*
 * Holds many streams in a process of its own, and notes when frames of their queries came. It looks at bytes only: reading frames
 * as a client does would measure the reader.
 */

const READY = /event: ready\n/g
const FRAME = /event: (?:change|snapshot)\ndata: \{"q":"([^"]+)"/g
const STAMP = /stamp:(\d+\.\d+)/g

let readyCount = 0
let stamps: number[] = []
let arrivals = new Map<string, number>()
let isNoting = false

const now = (): number => performance.timeOrigin + performance.now()

function open({ base, user, queries }: StreamOrder, stream: number): void {
  const headers = { accept: 'text/event-stream', 'content-type': 'application/json', 'x-user': user }
  const outgoing = request(base, { method: 'POST', headers, agent: false }, (response) => {
    let rest = ''
    response.setEncoding('utf8')
    response.on('data', (chunk: string) => {
      const at = now()
      const text = rest + chunk
      const end = text.lastIndexOf('\n\n') + 2
      rest = text.slice(end)
      const whole = text.slice(0, end)
      readyCount += whole.match(READY)?.length ?? 0
      if (!isNoting) return
      for (const [, stamp] of whole.matchAll(STAMP)) stamps.push(at - Number(stamp))
      for (const [, q] of whole.matchAll(FRAME)) arrivals.set(`${stream} ${q}`, at)
    })
  })
  outgoing.end(JSON.stringify({ queries }))
}

process.on('message', (order: ReaderOrder) => {
  if (order.kind === 'open') for (const [index, stream] of order.streams.entries()) open(stream, index)
  if (order.kind === 'note') {
    isNoting = true
    stamps = []
    arrivals = new Map()
  }
  const answer: ReaderAnswer = {
    readyCount,
    stamps: order.kind === 'report' ? stamps : [],
    arrivals: order.kind === 'report' ? [...arrivals.values()] : [],
    arrived: arrivals.size,
    stamped: stamps.length,
  }
  process.send?.(answer)
})
