import { readFileSync } from 'node:fs'
import { createSseDecoder, decodeProjectionFrame, encodeIdBlock, encodeProjectionFrame, encodeRetry } from '@zenstack-live/protocol'
import { describe, expect, it } from 'vitest'

describe('the wire of projections', () => {
  it('is written and read to the letter', () => {
    const text = readFileSync(new URL('golden/projections/stream.sse', import.meta.url), 'utf8')
    let lastEventId: string | undefined
    const written = createSseDecoder()
      .feed(text)
      .map((block) => {
        const isMoved = block.lastEventId !== lastEventId
        lastEventId = block.lastEventId
        const frame = block.data === undefined ? undefined : decodeProjectionFrame(block.event, block.data)
        if (frame !== undefined) return encodeProjectionFrame(frame, isMoved ? block.lastEventId : undefined)
        return block.retryMs === undefined ? encodeIdBlock(block.lastEventId ?? '') : encodeRetry(block.retryMs)
      })
    expect(written.join('')).toBe(text)
  })

  it('leaves room for events that this version does not know', () => {
    expect(decodeProjectionFrame('hint', '{"at":1}')).toBeUndefined()
    expect(decodeProjectionFrame('toString', '{}')).toBeUndefined()
  })

  it.each(['', '[]', 'null', '{'])('refuses %j where a frame should be', (data) => {
    expect(() => decodeProjectionFrame('patch', data)).toThrow(expect.objectContaining({ code: 'bad_json' }))
  })
})
