import { createStore, type Store } from './store.ts'
import { parseBlocks, type Block } from './parse-blocks.ts'

const KEPT_FRAMES = 120

/** What came over the wire: one block of the stream, or the opening and the end of a stream. */
export interface TappedFrame {
  number: number
  time: Date
  /** The SSE event, `id` for an id-only block, or `open`, `closed`, `cut`, `refused`. */
  event: string
  data: unknown
  id: string | undefined
  bytes: number
}

export interface NetworkState {
  frames: readonly TappedFrame[]
  frameCount: number
  byteCount: number
  /** The `id:` a reconnect would send. */
  lastEventId: string | undefined
  isCut: boolean
}

/** One person's network: every request of theirs goes through `fetch`, streams are watched on the way, and it can be cut. */
export interface TappedNetwork extends Store<NetworkState> {
  fetch: typeof fetch
  setCut(isCut: boolean): void
  clear(): void
}

const EMPTY: NetworkState = { frames: [], frameCount: 0, byteCount: 0, lastEventId: undefined, isCut: false }

export function createTappedNetwork(): TappedNetwork {
  const store = createStore<NetworkState>(EMPTY)
  const streams = new Set<AbortController>()

  const record = (event: string, block: Partial<Block> = {}): void => {
    const state = store.get()
    const frame = { number: state.frameCount, time: new Date(), event, data: block.data, id: block.id, bytes: block.bytes ?? 0 }
    // Of positions that follow each other only the newest is worth a line.
    const kept = event === 'id' && state.frames.at(-1)?.event === 'id' ? state.frames.slice(0, -1) : state.frames.slice(1 - KEPT_FRAMES)
    store.set({
      ...state,
      frames: [...kept, frame],
      frameCount: state.frameCount + 1,
      byteCount: state.byteCount + frame.bytes,
      lastEventId: block.id ?? state.lastEventId,
    })
  }

  const tappedFetch: typeof fetch = async (input, init) => {
    if (store.get().isCut) throw new TypeError('The connection is cut.')
    const wire = new AbortController()
    const signal = init?.signal ? AbortSignal.any([init.signal, wire.signal]) : wire.signal
    let isWatched = false
    streams.add(wire)
    try {
      const response = await fetch(input, { ...init, signal })
      const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') === true
      if (!isStream || response.body === null) return response
      isWatched = true
      record('open')
      const body = watch(response.body, record, () => {
        streams.delete(wire)
        record(store.get().isCut ? 'cut' : 'closed')
      })
      return new Response(body, { status: response.status, statusText: response.statusText, headers: response.headers })
    } finally {
      if (!isWatched) streams.delete(wire)
    }
  }

  return {
    ...store,
    fetch: tappedFetch,
    setCut(isCut) {
      store.set({ ...store.get(), isCut })
      if (!isCut) return
      for (const stream of streams) stream.abort(new TypeError('The connection is cut.'))
      streams.clear()
    },
    clear: () => store.set({ ...EMPTY, isCut: store.get().isCut }),
  }
}

/** Passes the bytes on as they come, and tells of each complete block. */
function watch(body: ReadableStream<Uint8Array>, record: (event: string, block: Block) => void, onEnd: () => void): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  const parser = parseBlocks((block) => record(block.event, block))
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read()
        if (done) {
          onEnd()
          controller.close()
          return
        }
        controller.enqueue(value)
        parser(value)
      } catch (error) {
        onEnd()
        controller.error(error)
      }
    },
    async cancel(reason) {
      onEnd()
      await reader.cancel(reason)
    },
  })
}
