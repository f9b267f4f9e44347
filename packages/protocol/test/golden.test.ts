import { readdirSync, readFileSync } from 'node:fs'
import { createSseDecoder, decodeFrame, encodeFrame, encodeIdBlock, encodeRetry, ERROR_CODES, queryId, type Frame } from '@zenstack-live/protocol'
import { describe, expect, it } from 'vitest'

const GOLDEN = new URL('golden/', import.meta.url)
const read = (name: string): string => readFileSync(new URL(name, GOLDEN), 'utf8')

describe('the wire', () => {
  const streams = readdirSync(GOLDEN).filter((name) => name.endsWith('.sse'))

  it.each(streams)('writes and reads %s to the letter', (name) => {
    const text = read(name)
    let written = ''
    let lastEventId: string | undefined
    for (const block of createSseDecoder().feed(text)) {
      const frame: Frame | undefined = block.data === undefined ? undefined : decodeFrame(block.event, block.data)
      if (frame !== undefined) written += encodeFrame(frame)
      else if (block.retryMs !== undefined) written += encodeRetry(block.retryMs)
      else written += encodeIdBlock(block.lastEventId ?? '')
      lastEventId = block.lastEventId
    }
    expect(written).toBe(text)
    expect(lastEventId).toBeDefined()
  })

  it('has one file for each event', () => {
    const events = new Set(streams.flatMap((name) => [...read(name).matchAll(/^event: (.+)$/gm)].map(([, event]) => event)))
    expect(events).toEqual(new Set(['auth-expired', 'bye', 'change', 'changes', 'error', 'ready', 'reset', 'snapshot']))
  })

  it('names queries by their content', () => {
    const queries = JSON.parse(read('query-ids.json')) as { query: Parameters<typeof queryId>[0]; id: string }[]
    for (const { query, id } of queries) expect(queryId(query)).toBe(id)
  })

  it('lists every code in docs/protocol.md', () => {
    const table = Object.entries(ERROR_CODES).map(
      ([code, { status, isRetryable, sentence, cure }]) => `| \`${code}\` | ${status} | ${isRetryable ? 'yes' : 'no'} | ${sentence} | ${cure} |`,
    )
    const text = ['| code | status | try again | message | what to do |', '|---|---|---|---|---|', ...table].join('\n')
    const [, listed] = readFileSync(new URL('../../../docs/protocol.md', import.meta.url), 'utf8').split(/<!-- errors:(?:begin|end) -->\n/)
    expect(listed).toBe(`${text}\n`)
  })
})
