import { whatIsAway, type HandleSettings, type LiveStream, type StreamAdmin, type StreamHandle, type Streams } from '@zenstack-live/streams'
import type { SchemaDef } from '@zenstackhq/schema'

/** The part of {@link Streams} that an application calls. */
export type StreamCalls<Schema extends SchemaDef> = Pick<Streams<Schema>, 'stream' | 'handle'>

/** The same without the types of a schema, which cost the compiler much and are of no use inside. */
export interface UntypedStreamCalls {
  stream(options: object): LiveStream<unknown>
  handle(options: object, handler: (...call: never[]) => unknown, settings?: HandleSettings): StreamHandle
}

export interface Deferral {
  open(this: void): Promise<UntypedStreamCalls>
  /** Told why the streams do not run yet, before each new attempt. */
  onWaiting(this: void, away: 'database' | 'log', error: unknown): void
  /** Told why a handler will never run: nobody has to wait for its end. */
  onNotHandled(this: void, error: unknown): void
  /** Ends the waiting. */
  signal: AbortSignal
}

/** First and longest pause between two attempts to open, each up to twice as long as the last. */
const [MIN_RETRY_MS, MAX_RETRY_MS] = [500, 5_000]

/**
 * Streams that can be asked for before the log is open: they open it when their loop begins. A database or Redis that does not answer is
 * waited for, as it is when it goes away later.
 */
export function deferStreams(deferral: Deferral): UntypedStreamCalls {
  let opening: Promise<UntypedStreamCalls> | undefined
  // All who wait make one attempt together, and each is told once.
  const openTogether = (): Promise<UntypedStreamCalls> =>
    (opening ??= openPatiently(deferral).finally(() => {
      opening = undefined
    }))
  const scope = (options: object): Scope => ({ open: openTogether, closing: deferral.signal, asked: signalOf(options) })
  return {
    stream: (options) => deferStream(scope(options), (streams) => streams.stream(options)),
    handle: (options, handler, settings) => {
      const handle = deferHandle(scope(options), (streams) => streams.handle(options, handler, settings))
      handle.opened.catch(deferral.onNotHandled)
      return handle
    },
  }
}

/** The same for what operators do with streams. */
export function deferAdmin(open: () => Promise<StreamAdmin>): StreamAdmin {
  return {
    list: async () => (await open()).list(),
    deadLetters: async (id) => (await open()).deadLetters(id),
    replay: async (id, position) => (await open()).replay(id, position),
    discard: async (id, position) => (await open()).discard(id, position),
    drop: async (id) => (await open()).drop(id),
  }
}

interface Scope {
  open: () => Promise<UntypedStreamCalls>
  /** When all streams are closed. */
  closing: AbortSignal
  /** When this one is to end, whether or not it began. */
  asked: AbortSignal | undefined
}

async function openPatiently({ open, onWaiting, signal }: Deferral): Promise<UntypedStreamCalls> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await open()
    } catch (error) {
      const away = whatIsAway(error)
      if (away === undefined || signal.aborted) throw error
      onWaiting(away, error)
      await pause(Math.min(MIN_RETRY_MS * 2 ** attempt, MAX_RETRY_MS) * (0.75 + Math.random() / 2), signal)
    }
  }
}

/** @returns `undefined` when it is to end before. Who asks after the end is told so by the opening itself */
async function openUnlessEnded({ open, closing, asked }: Scope, stop: AbortSignal): Promise<UntypedStreamCalls | undefined> {
  // Where all are closed already, the opening says so.
  const signal = AbortSignal.any([stop, ...(asked === undefined ? [] : [asked]), ...(closing.aborted ? [] : [closing])])
  const { promise: ended, resolve } = Promise.withResolvers<undefined>()
  const end = (): void => resolve(undefined)
  if (signal.aborted) return undefined
  signal.addEventListener('abort', end, { once: true })
  try {
    return await Promise.race([open(), ended])
  } finally {
    signal.removeEventListener('abort', end)
  }
}

function deferStream(scope: Scope, begin: (streams: UntypedStreamCalls) => LiveStream<unknown>): LiveStream<unknown> {
  const waiting = new Set<AbortController>()
  let opened: LiveStream<unknown> | undefined
  const openOne = async (): Promise<LiveStream<unknown> | undefined> => {
    const stop = new AbortController()
    waiting.add(stop)
    try {
      const streams = await openUnlessEnded(scope, stop.signal)
      if (streams !== undefined) opened ??= begin(streams)
      return streams === undefined ? undefined : opened
    } finally {
      waiting.delete(stop)
    }
  }
  return {
    async *[Symbol.asyncIterator]() {
      const stream = await openOne()
      if (stream !== undefined) yield* stream
      return undefined
    },
    batches: (maxEvents) => ({
      async *[Symbol.asyncIterator]() {
        const stream = await openOne()
        if (stream !== undefined) yield* stream.batches(maxEvents)
        return undefined
      },
    }),
    async close() {
      for (const stop of waiting) stop.abort()
      await opened?.close()
    },
  }
}

interface DeferredHandle extends StreamHandle {
  opened: Promise<unknown>
}

function deferHandle(scope: Scope, begin: (streams: UntypedStreamCalls) => StreamHandle): DeferredHandle {
  const stop = new AbortController()
  const opened = openUnlessEnded(scope, stop.signal).then((streams) => (streams === undefined ? undefined : begin(streams)))
  const ended = opened.then((handle) => handle?.ended)
  // Whoever waits for the end is told; nobody has to.
  ended.catch(() => {})
  return {
    opened,
    ended,
    async close() {
      stop.abort()
      const handle = await opened.catch(() => undefined)
      await handle?.close()
    },
  }
}

function signalOf(options: object): AbortSignal | undefined {
  return 'signal' in options && options.signal instanceof AbortSignal ? options.signal : undefined
}

function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, delayMs)
    signal.addEventListener('abort', done, { once: true })
  })
}
