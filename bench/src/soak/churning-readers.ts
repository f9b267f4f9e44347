import { request, type IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { createSseDecoder } from '@zenstack-live/protocol'
import type { Random } from '../random.ts'

/** Readers that come, are cut off, go on where they were, and leave for others. */
export interface ChurningReaders {
  readonly tally: Readonly<ChurnTally>
  /** Lets all of them leave. Resolves when none is left. */
  stop(): Promise<void>
}

export interface ChurnTally {
  streams: number
  reads: number
  cuts: number
  ended: number
  resets: number
  /** Answers other than 200, and errors before an answer. */
  failures: number
}

interface Visit {
  readonly user: string
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly accept: string
  readonly body: string | undefined
  lastEventId: string
}

const LONGEST_MS = 20_000
const NEW_PERSON_AFTER_MS = 20
const EVENT_STREAM = 'text/event-stream'

const QUERIES = [
  { model: 'Note', operation: 'findMany', args: { where: { isPublic: true } } },
  { model: 'Note', operation: 'findMany', args: { where: { isPublic: true }, orderBy: { id: 'desc' }, take: 5 } },
  { model: 'Task', operation: 'findMany', args: { select: { id: true, title: true } } },
  { model: 'Task', operation: 'findMany', args: { include: { assignee: true } } },
  { model: 'Task', operation: 'count', args: {} },
  { model: 'Comment', operation: 'findMany', args: { take: 10, orderBy: { at: 'desc' } } },
  { model: 'Note', operation: '$changes', args: { updated: { after: { isPublic: true } } } },
] as const

export function churn(port: number, options: { readers: number; users: readonly string[]; random: Random }): ChurningReaders {
  const tally: ChurnTally = { streams: 0, reads: 0, cuts: 0, ended: 0, resets: 0, failures: 0 }
  const stopping = new AbortController()
  const all = Promise.all(Array.from({ length: options.readers }, () => comeAndGo({ ...options, port, tally, stopping: stopping.signal })))
  return {
    tally,
    async stop() {
      stopping.abort()
      await all
    },
  }
}

interface Churn {
  port: number
  users: readonly string[]
  random: Random
  tally: ChurnTally
  stopping: AbortSignal
}

async function comeAndGo(options: Churn): Promise<void> {
  const { users, random, stopping } = options
  while (!stopping.aborted) {
    const visit = newVisit(random.pick(users), random)
    // Most come back a few times where they were.
    do await stay(options, visit)
    while (!stopping.aborted && visit.accept === EVENT_STREAM && random.chance(0.7))
    await sleep(NEW_PERSON_AFTER_MS)
  }
}

function newVisit(user: string, random: Random): Visit {
  const { model, operation, args } = random.pick(QUERIES)
  if (random.chance(0.3)) {
    const queries = QUERIES.filter(() => random.chance(0.5))
    return { user, method: 'POST', path: '/api/live', accept: EVENT_STREAM, body: JSON.stringify({ queries }), lastEventId: '' }
  }
  const isRead = operation !== '$changes' && random.chance(0.1)
  const path = `/api/live/${model.toLowerCase()}/${operation}?q=${encodeURIComponent(JSON.stringify(args))}`
  return { user, method: 'GET', path, accept: isRead ? 'application/json' : EVENT_STREAM, body: undefined, lastEventId: '' }
}

/** Reads for a while, then breaks off; or until the other side ends it. */
function stay({ port, tally, random, stopping }: Churn, visit: Visit): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const { method, path, accept, user, body } = visit
  // A list of several queries goes on by tickets, which this reader does not keep: it begins anew.
  const resume = visit.lastEventId === '' || method === 'POST' ? {} : { 'last-event-id': visit.lastEventId }
  const headers = { accept, 'x-user': user, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...resume }
  const outgoing = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (response) => {
    if (response.statusCode !== 200) tally.failures++
    if (accept === EVENT_STREAM) tally.streams++
    else tally.reads++
    read(response)
  })
  const cut = (): void => {
    tally.cuts++
    outgoing.destroy()
  }
  const timer = setTimeout(cut, random.whole(LONGEST_MS))
  stopping.addEventListener('abort', cut, { once: true })
  const read = (response: IncomingMessage): void => {
    const decoder = createSseDecoder(visit.lastEventId === '' ? {} : { lastEventId: visit.lastEventId })
    response.on('error', () => {}).setEncoding('utf8')
    response.once('end', () => tally.ended++)
    response.on('data', (text: string) => {
      if (accept !== EVENT_STREAM) return
      for (const block of decoder.feed(text)) {
        visit.lastEventId = block.lastEventId ?? ''
        if (block.event === 'reset') tally.resets++
      }
    })
  }
  outgoing.on('error', () => {
    if (!outgoing.destroyed) tally.failures++
  })
  outgoing.once('close', () => {
    clearTimeout(timer)
    stopping.removeEventListener('abort', cut)
    resolve()
  })
  outgoing.end(body)
  return promise
}
