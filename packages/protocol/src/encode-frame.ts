import type { Frame } from './frame.ts'

/**
 * The frame as a block of Server-Sent Events, without an id: positions belong to a connection, frames are shared.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export function encodeFrame(frame: Frame): string {
  const { event, ...data } = frame
  // JSON.stringify leaves no line break in the text, so one `data:` line carries it.
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`
}

/** A block that only moves the reader's last event id on. It dispatches nothing. */
export function encodeIdBlock(position: string): string {
  return `id: ${position}\n\n`
}

/** How long a reader waits before it comes back, in milliseconds. */
export function encodeRetry(retryMs: number): string {
  return `retry: ${Math.round(retryMs)}\n\n`
}
