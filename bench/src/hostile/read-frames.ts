import { createSseDecoder, decodeFrame, type Frame } from '@zenstack-live/protocol'

/** What came of a stream before it was left. */
export interface ReadFrames {
  readonly text: string
  readonly frames: readonly Frame[]
  readonly lastEventId: string
}

/** Until so many queries are ready, or refused, and the batch is whole; then the stream is left. */
export async function readFrames(response: Response, queries: number): Promise<ReadFrames> {
  const reader = (response.body ?? new ReadableStream<Uint8Array>()).getReader()
  const [decoder, sse] = [new TextDecoder(), createSseDecoder()]
  const frames: Frame[] = []
  let [text, lastEventId, isDone] = ['', '', false]
  while (!isDone && !(isBatchEnd(text) && isAnswered(frames, queries))) {
    const { done, value } = await reader.read()
    const chunk = decoder.decode(value, { stream: true })
    text += chunk
    for (const block of sse.feed(chunk)) {
      const frame = block.data === undefined ? undefined : decodeFrame(block.event, block.data)
      if (frame !== undefined) frames.push(frame)
      lastEventId = block.lastEventId ?? lastEventId
    }
    isDone = done
  }
  await reader.cancel()
  return { text, frames, lastEventId }
}

function isBatchEnd(text: string): boolean {
  return /(?:^|\n)id: ?\S*\n\n$/.test(text)
}

function isAnswered(frames: readonly Frame[], queries: number): boolean {
  const ends = frames.filter(({ event }) => event === 'ready' || event === 'error' || event === 'bye' || event === 'auth-expired')
  return ends.length >= queries || ends.some((frame) => !('q' in frame) || frame.q === undefined)
}
