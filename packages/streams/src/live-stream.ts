import { EventChannel } from './event-channel.ts'
import type { Deliver } from './reader/reader-config.ts'
import type { StreamEvent } from './stream-event.ts'

/**
 * The events of a stream, in order, for one loop.
 *
 * Asking for the next event acknowledges the last one; leaving the loop does not: that event comes again. Nothing is read before the
 * loop begins, and no more is read ahead than a bounded number of events.
 *
 * @example
 * for await (const event of live.stream({ model: 'User', id: 'welcome', created: {} })) await sendEmail(event.created)
 */
export interface LiveStream<Event> extends AsyncIterable<Event, undefined> {
  /** Several events at a time, as many as are ready, `maxEvents` at most. Asking for the next batch acknowledges the whole last one. */
  batches(maxEvents: number): AsyncIterable<Event[], undefined>
  /** Ends the loop, and resolves when its place is saved and free for others. */
  close(): Promise<void>
}

/** Runs the readers of a stream until the signal aborts. */
export type RunStream = (deliver: Deliver, signal: AbortSignal, concurrency: number) => Promise<void>

/** Events offered to the loop ahead of it, so that it does not wait for each. */
const READ_AHEAD = 64

export function createLiveStream<Event extends StreamEvent<unknown>>(run: RunStream): LiveStream<Event> {
  const running = new Set<() => Promise<void>>()

  async function* iterate(maxEvents: number): AsyncGenerator<Event[], undefined> {
    const channel = new EventChannel()
    const stop = new AbortController()
    const ended = run((event, context, isFresh) => channel.offer(event, context, isFresh), stop.signal, Math.max(READ_AHEAD, maxEvents)).then(
      () => channel.end(),
      (error: unknown) => channel.end(error),
    )
    const close = async (): Promise<void> => {
      stop.abort()
      await ended
    }
    running.add(close)
    try {
      yield* takeAll<Event>(channel, maxEvents)
      return undefined
    } finally {
      // What the loop was left with is not acknowledged.
      channel.end()
      await close()
      running.delete(close)
    }
  }

  return {
    async *[Symbol.asyncIterator]() {
      for await (const [event] of iterate(1)) if (event !== undefined) yield event
      return undefined
    },
    batches(maxEvents) {
      if (!Number.isInteger(maxEvents) || maxEvents < 1) throw new TypeError(`A batch holds at least one event, not ${maxEvents}.`)
      return { [Symbol.asyncIterator]: () => iterate(maxEvents) }
    },
    async close() {
      await Promise.all([...running].map((close) => close()))
    },
  }
}

async function* takeAll<Event>(channel: EventChannel, maxEvents: number): AsyncGenerator<Event[]> {
  for (;;) {
    const events = await channel.take(maxEvents)
    if (events === undefined) return
    // The matcher made them from the options that `Event` was inferred from.
    yield events as Event[]
  }
}
