import { serialize } from '@zenstackhq/client-helpers/fetch'
import type { QueryId, ResultOperation } from '@zenstack-live/protocol'
import { frameBytes } from './frame-chunks.ts'
import type { Metrics } from './metrics.ts'
import type { Place } from './place.ts'

/**
 * Frames of the newest point only: many identities ask the same question, and most see the same of one change. What they see
 * is compared by the text that is sent, so that nobody gets what was made for another's eyes.
 */
export function createFrameCache(metrics: Metrics): (q: QueryId, at: Place, operations: readonly ResultOperation[]) => Buffer {
  let point: Place | undefined
  const frames = new Map<string, Buffer>()
  return (q, at, operations) => {
    if (at !== point) {
      frames.clear()
      point = at
    }
    const { data, meta } = serialize(operations)
    const text = JSON.stringify([q, data, meta])
    const known = frames.get(text)
    if (known !== undefined) {
      metrics.framesShared++
      return known
    }
    const frame = frameBytes({ event: 'change', q, at: at.entry, ops: data as ResultOperation[], ...(meta === undefined ? {} : { meta }) })
    frames.set(text, frame)
    return frame
  }
}
