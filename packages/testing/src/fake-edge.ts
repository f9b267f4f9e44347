import { encodeFrame, encodeIdBlock, encodeRetry, type Frame, type LiveRequestBody, type QueryId, queryId } from '@zenstack-live/protocol'

/** One stream that a client asked for, with the server's side in the test's hands. */
export interface FakeConnection {
  readonly body: LiveRequestBody
  readonly headers: Headers
  /** Wire ids of its queries, in the order they were asked for. */
  readonly ids: readonly QueryId[]
  /** Answers 200; frames may follow. Before the first frame it happens by itself. */
  accept(): void
  refuse(status: number, body?: unknown, headers?: Record<string, string>): void
  send(...frames: Frame[]): void
  /** The id-only block that ends a batch. */
  endBatch(lsn: number): void
  retry(ms: number): void
  /** Bytes as they are. */
  write(text: string): void
  end(): void
  /** As if the network broke. */
  cut(): void
  readonly isClosed: boolean
}

/** A request that is not for a stream. */
export interface FakeRead {
  readonly url: URL
  readonly method: string
  readonly body: string | undefined
  respond(body: unknown, init?: ResponseInit): void
}

export interface FakeEdge {
  readonly fetch: (url: string, init?: RequestInit) => Promise<Response>
  readonly connections: readonly FakeConnection[]
  readonly reads: readonly FakeRead[]
  /** How many requests of any kind were made. */
  readonly requestCount: number
}

/** A server without a network: what it answers, and when, is the test's choice. */
export function createFakeEdge(): FakeEdge {
  const connections: FakeConnection[] = []
  const reads: FakeRead[] = []
  return {
    connections,
    reads,
    get requestCount() {
      return connections.length + reads.length
    },
    fetch: (url, init) =>
      new Promise((resolve, reject) => {
        const signal = init?.signal ?? undefined
        if (signal?.aborted === true) return reject(signal.reason)
        signal?.addEventListener('abort', () => reject(signal.reason))
        const headers = new Headers(init?.headers)
        const body = typeof init?.body === 'string' ? init.body : undefined
        if (headers.get('accept') === 'text/event-stream') {
          connections.push(connection(JSON.parse(body ?? '{}') as LiveRequestBody, headers, signal, resolve, reject))
          return undefined
        }
        reads.push({
          url: new URL(url, 'http://edge'),
          method: init?.method ?? 'GET',
          body,
          respond: (answer, responseInit) => resolve(Response.json(answer, responseInit)),
        })
        return undefined
      }),
  }
}

/** An `id:` as the edge writes it, at this place of the write-ahead log. */
export function fakePosition(lsn: number): string {
  return `1~log~0~${lsn}-0~${lsn}~signature.scope`
}

function connection(
  body: LiveRequestBody,
  headers: Headers,
  signal: AbortSignal | undefined,
  resolve: (response: Response) => void,
  reject: (reason: unknown) => void,
): FakeConnection {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined
  let isClosed = false
  const bytes = new TextEncoder()
  const fail = (reason: unknown): void => {
    if (isClosed) return
    isClosed = true
    if (controller === undefined) reject(reason)
    else controller.error(reason)
  }
  signal?.addEventListener('abort', () => fail(signal.reason))
  const accept = (): void => {
    if (controller !== undefined || isClosed) return
    const stream = new ReadableStream<Uint8Array>({
      start: (given) => {
        controller = given
      },
      cancel: () => {
        isClosed = true
      },
    })
    resolve(new Response(stream, { headers: { 'content-type': 'text/event-stream' } }))
  }
  const write = (text: string): void => {
    accept()
    if (!isClosed) controller?.enqueue(bytes.encode(text))
  }
  return {
    body,
    headers,
    ids: body.queries.map((query) => queryId(query)),
    accept,
    refuse(status, answer, responseHeaders) {
      isClosed = true
      resolve(status === 204 ? new Response(null, { status }) : Response.json(answer ?? {}, { status, headers: responseHeaders ?? {} }))
    },
    send: (...frames) => write(frames.map(encodeFrame).join('')),
    endBatch: (lsn) => write(encodeIdBlock(fakePosition(lsn))),
    retry: (ms) => write(encodeRetry(ms)),
    write,
    end() {
      accept()
      if (isClosed) return
      isClosed = true
      controller?.close()
    },
    cut: () => fail(new TypeError('network error')),
    get isClosed() {
      return isClosed
    },
  }
}
