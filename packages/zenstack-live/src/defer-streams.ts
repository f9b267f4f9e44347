import type { HandleSettings, LiveStream, StreamAdmin, StreamHandle, Streams } from '@zenstack-live/streams'
import type { SchemaDef } from '@zenstackhq/schema'

/** The part of {@link Streams} that an application calls. */
export type StreamCalls<Schema extends SchemaDef> = Pick<Streams<Schema>, 'stream' | 'handle'>

/** The same without the types of a schema, which cost the compiler much and are of no use inside. */
export interface UntypedStreamCalls {
  stream(options: object): LiveStream<unknown>
  handle(options: object, handler: (...call: never[]) => unknown, settings?: HandleSettings): StreamHandle
}

/**
 * Streams that can be asked for before the log is open: they open it when their loop begins.
 *
 * @param onNotHandled - told why a handler will never run: nobody has to wait for its end
 */
export function deferStreams(open: () => Promise<UntypedStreamCalls>, onNotHandled: (error: unknown) => void): UntypedStreamCalls {
  return {
    stream: (options) => deferStream(async () => (await open()).stream(options)),
    handle: (options, handler, settings) => deferHandle(async () => (await open()).handle(options, handler, settings), onNotHandled),
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

function deferStream<Event>(open: () => Promise<LiveStream<Event>>): LiveStream<Event> {
  let opened: Promise<LiveStream<Event>> | undefined
  const stream = (): Promise<LiveStream<Event>> => (opened ??= open())
  return {
    async *[Symbol.asyncIterator]() {
      yield* await stream()
      return undefined
    },
    batches: (maxEvents) => ({
      async *[Symbol.asyncIterator]() {
        yield* (await stream()).batches(maxEvents)
        return undefined
      },
    }),
    close: async () => (await opened)?.close(),
  }
}

function deferHandle(open: () => Promise<StreamHandle>, onNotHandled: (error: unknown) => void): StreamHandle {
  const opened = open()
  opened.catch(onNotHandled)
  const ended = opened.then((handle) => handle.ended)
  // Whoever waits for the end is told; nobody has to.
  ended.catch(() => {})
  return {
    ended,
    async close() {
      const handle = await opened.catch(() => undefined)
      await handle?.close()
    },
  }
}
