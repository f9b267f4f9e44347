import { deserialize } from '@zenstackhq/client-helpers/fetch'
import {
  compareEntryIds,
  createSseDecoder,
  decodeFrame,
  queryId,
  type EntryId,
  type Frame,
  type QueryId,
  type ResultOperation,
  type SnapshotRow,
  type WireQuery,
} from '@zenstack-live/protocol'

/** What a reader of one query holds, put together as the protocol says. */
export interface HeldQuery {
  rows: { key: string; row: Record<string, unknown>; sort?: string }[]
  value: unknown
  at: EntryId | undefined
  ticket: string | undefined
  engine: string | undefined
  isReady: boolean
  errors: string[]
}

export interface TestStream {
  readonly frames: Frame[]
  /** All that came, as text. */
  readonly text: string
  readonly lastEventId: string | undefined
  readonly headers: Headers
  readonly isEnded: boolean
  query(q: QueryId): HeldQuery
  /** Resolves as soon as the condition holds; looks after each block. */
  until(condition: () => boolean, what?: string, timeoutMs?: number): Promise<void>
  close(): void
}

export interface StreamRequest {
  base: string
  user?: string
  queries: WireQuery[]
  lastEventId?: string
  /** Go on with what an earlier stream held. */
  held?: Map<QueryId, HeldQuery>
}

/** Opens `POST {base}`. */
export async function openStream({ base, user, queries, lastEventId, held }: StreamRequest): Promise<TestStream> {
  const abort = new AbortController()
  const response = await fetch(base, {
    method: 'POST',
    signal: abort.signal,
    headers: { accept: 'text/event-stream', 'content-type': 'application/json', ...(user === undefined ? {} : { 'x-user': user }) },
    body: JSON.stringify({ queries, ...(lastEventId === undefined ? {} : { lastEventId }) }),
  })
  return follow(response, abort, held, lastEventId)
}

/** Opens `GET {base}/{model}/{operation}`. */
export async function openGet(request: {
  base: string
  user?: string
  path: string
  q?: unknown
  lastEventId?: string
  held?: Map<QueryId, HeldQuery>
}): Promise<TestStream> {
  const abort = new AbortController()
  const url = `${request.base}/${request.path}${request.q === undefined ? '' : `?q=${encodeURIComponent(JSON.stringify(request.q))}`}`
  const response = await fetch(url, {
    signal: abort.signal,
    headers: {
      accept: 'text/event-stream',
      ...(request.user === undefined ? {} : { 'x-user': request.user }),
      ...(request.lastEventId === undefined ? {} : { 'last-event-id': request.lastEventId }),
    },
  })
  return follow(response, abort, request.held, request.lastEventId)
}

async function follow(
  response: Response,
  abort: AbortController,
  held: Map<QueryId, HeldQuery> | undefined,
  startId: string | undefined,
): Promise<TestStream> {
  if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`)
  const queries = held ?? new Map<QueryId, HeldQuery>()
  const decoder = createSseDecoder(startId === undefined ? {} : { lastEventId: startId })
  const frames: Frame[] = []
  let waiting: (() => void)[] = []
  let text = ''
  let lastEventId = startId
  let isEnded = false
  let buffered: Frame[] = []
  const wake = (): void => {
    for (const resolve of waiting.splice(0)) resolve()
  }
  const query = (q: QueryId): HeldQuery => {
    const known = queries.get(q) ?? { rows: [], value: undefined, at: undefined, ticket: undefined, engine: undefined, isReady: false, errors: [] }
    queries.set(q, known)
    return known
  }
  void (async () => {
    const textDecoder = new TextDecoder()
    try {
      for await (const chunk of response.body as ReadableStream<Uint8Array>) {
        const piece = textDecoder.decode(chunk, { stream: true })
        text += piece
        for (const block of decoder.feed(piece)) {
          const frame = block.data === undefined ? undefined : decodeFrame(block.event, block.data)
          if (frame !== undefined) {
            frames.push(frame)
            buffered.push(frame)
          }
          if (block.lastEventId !== lastEventId || block.data === undefined) {
            lastEventId = block.lastEventId
            for (const one of buffered) applyFrame(query, one)
            buffered = []
          }
        }
        wake()
      }
    } catch {
      // Aborted, or the server went away.
    }
    for (const one of buffered) if (one.event === 'error' || one.event === 'bye') applyFrame(query, one)
    isEnded = true
    wake()
  })()
  return {
    frames,
    get text() {
      return text
    },
    get lastEventId() {
      return lastEventId
    },
    headers: response.headers,
    get isEnded() {
      return isEnded
    },
    query,
    async until(condition, what = 'the condition', timeoutMs = 60_000) {
      const deadline = Date.now() + timeoutMs
      while (!condition()) {
        if (Date.now() > deadline) throw new Error(`Waited in vain for ${what}. Last frames: ${JSON.stringify(frames.slice(-5)).slice(0, 2000)}`)
        await new Promise<void>((resolve) => {
          waiting.push(resolve)
          setTimeout(resolve, 200)
        })
      }
    },
    close: () => abort.abort(),
  }
}

/** What a reader holds that was cut off behind this much of a stream: frames count when their batch is whole. */
export function heldAfter(text: string): { held: Map<QueryId, HeldQuery>; lastEventId: string | undefined } {
  const held = new Map<QueryId, HeldQuery>()
  const query = (q: QueryId): HeldQuery => {
    const known = held.get(q) ?? { rows: [], value: undefined, at: undefined, ticket: undefined, engine: undefined, isReady: false, errors: [] }
    held.set(q, known)
    return known
  }
  let buffered: Frame[] = []
  let lastEventId: string | undefined
  for (const block of createSseDecoder().feed(text)) {
    const frame = block.data === undefined ? undefined : decodeFrame(block.event, block.data)
    if (frame !== undefined) buffered.push(frame)
    if (block.data !== undefined) continue
    lastEventId = block.lastEventId === '' ? undefined : block.lastEventId
    for (const one of buffered) applyFrame(query, one)
    buffered = []
  }
  return { held, lastEventId }
}

function applyFrame(query: (q: QueryId) => HeldQuery, frame: Frame): void {
  if (!('q' in frame) || frame.q === undefined) return
  const held = query(frame.q)
  if (frame.event === 'reset') {
    held.at = undefined
    held.isReady = false
    return
  }
  if (frame.event === 'error') return void held.errors.push(frame.code)
  if (frame.event === 'ready') {
    held.ticket = frame.ticket
    held.engine = frame.engine
    held.isReady = true
    held.at = frame.at
    return
  }
  if (frame.event !== 'snapshot' && frame.event !== 'change') return
  // A snapshot is taken also where it is behind: what follows is made for it.
  if (frame.event === 'change' && held.at !== undefined && compareEntryIds(frame.at, held.at) <= 0) return
  if (frame.event === 'snapshot') {
    if (frame.shape === 'value') held.value = deserialize(frame.value, frame.meta)
    else {
      const rows = deserialize(frame.rows, frame.meta) as SnapshotRow[]
      held.rows = [...(frame.part === 0 ? [] : held.rows), ...(rows as HeldQuery['rows'])]
    }
  } else for (const operation of deserialize(frame.ops, frame.meta) as ResultOperation[]) applyOperation(held, operation)
  held.at = frame.at
}

function applyOperation(held: HeldQuery, operation: ResultOperation): void {
  if (operation.op === 'value') {
    held.value = operation.value
    return
  }
  const old = held.rows.find(({ key }) => key === operation.key)
  const rest = held.rows.filter(({ key }) => key !== operation.key)
  if (operation.op === 'leave') {
    held.rows = rest
    return
  }
  if (operation.op !== 'enter' && old === undefined) return
  const row =
    operation.op === 'enter' ? (operation.row as Record<string, unknown>) : { ...old?.row, ...(operation.op === 'update' ? operation.set : {}) }
  const sort = operation.sort ?? old?.sort
  const next = { key: operation.key, row, ...(sort === undefined ? {} : { sort }) }
  if (sort !== undefined) {
    held.rows = [...rest, next].sort((a, b) => ((a.sort ?? '') < (b.sort ?? '') ? -1 : 1))
    return
  }
  const index = operation.index ?? held.rows.findIndex(({ key }) => key === operation.key)
  held.rows = [...rest.slice(0, index), next, ...rest.slice(index)]
}

export function wire(model: string, operation: WireQuery['operation'], args?: unknown): WireQuery & { q: QueryId } {
  const query = { model, operation, ...(args === undefined ? {} : { args }) }
  return { ...query, q: queryId(query) }
}
