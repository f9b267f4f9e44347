import { LIMITS } from '@zenstack-live/protocol'
import { describe, expect, it } from 'vitest'
import { parseLiveRequest, type LiveRequest } from '../src/requests/parse-live-request.ts'

const modelNamed = (name: string): string | undefined => (name === 'note' ? 'Note' : undefined)
const parse = (path: string, init?: RequestInit): Promise<LiveRequest> =>
  parseLiveRequest(new Request(`http://app${path}`, init), path.split('?')[0] ?? '', LIMITS, modelNamed)
const get = (q: string, parameters = ''): Promise<LiveRequest> => parse(`/note/findMany?q=${encodeURIComponent(q)}${parameters}`)
const post = (body: string): Promise<LiveRequest> => parse('', { method: 'POST', body })
const query = (args: string): string => `{"queries":[{"model":"note","operation":"findMany","args":${args}}]}`
const coded = (code: string): unknown => expect.objectContaining({ code })
const text = (length: number): string => `"${'x'.repeat(length - 2)}"`
const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)

describe('what a request may hold', () => {
  it('is a query, and its notes, of maxQueryBytes each', async () => {
    await expect(get(text(LIMITS.maxQueryBytes))).resolves.toMatchObject({ kind: 'read' })
    await expect(get(text(LIMITS.maxQueryBytes + 1))).rejects.toEqual(coded('too_large'))
    await expect(get(text(LIMITS.maxQueryBytes - 1).replace('x', 'é'))).resolves.toMatchObject({ kind: 'read' })
    await expect(get(text(LIMITS.maxQueryBytes).replace('x', 'é'))).rejects.toEqual(coded('too_large'))
    await expect(get('{}', `&meta=${text(LIMITS.maxQueryBytes)}`)).resolves.toMatchObject({ kind: 'read' })
    await expect(get('{}', `&meta=${text(LIMITS.maxQueryBytes + 1)}`)).rejects.toEqual(coded('too_large'))
  })

  it('is a body of four times that', async () => {
    const rest = query('').length
    await expect(post(query(text(4 * LIMITS.maxQueryBytes - rest)))).resolves.toMatchObject({ kind: 'stream-many' })
    await expect(post(query(text(4 * LIMITS.maxQueryBytes - rest + 1)))).rejects.toEqual(coded('too_large'))
  })

  it('is JSON that nests no deeper than maxJsonDepth, whatever its texts hold', async () => {
    await expect(get(nested(LIMITS.maxJsonDepth))).resolves.toMatchObject({ kind: 'read' })
    await expect(get(nested(LIMITS.maxJsonDepth + 1))).rejects.toEqual(coded('too_large'))
    // Around the arguments of a body are three more.
    await expect(post(query(nested(LIMITS.maxJsonDepth - 3)))).resolves.toMatchObject({ kind: 'stream-many' })
    await expect(post(query(nested(LIMITS.maxJsonDepth - 2)))).rejects.toEqual(coded('too_large'))
    await expect(get(JSON.stringify({ body: '\\"[{'.repeat(LIMITS.maxJsonDepth) }))).resolves.toMatchObject({ kind: 'read' })
  })

  it('is maxQueriesPerConnection queries', async () => {
    const many = (count: number): string => JSON.stringify({ queries: Array.from({ length: count }, () => ({ model: 'Note', operation: 'count' })) })
    await expect(post(many(LIMITS.maxQueriesPerConnection))).resolves.toMatchObject({ kind: 'stream-many' })
    await expect(post(many(LIMITS.maxQueriesPerConnection + 1))).rejects.toEqual(coded('too_many_queries'))
  })

  it('is a position of maxPositionBytes: what is longer is kept just long enough to be worth nothing', async () => {
    const lengthOf = async (length: number): Promise<number | undefined> =>
      (await get('{}', `&lastEventId=${'x'.repeat(length)}`)).lastEventId?.length
    expect([await lengthOf(LIMITS.maxPositionBytes), await lengthOf(10 * LIMITS.maxPositionBytes)]).toEqual([
      LIMITS.maxPositionBytes,
      LIMITS.maxPositionBytes + 1,
    ])
  })
})

it('takes a body that never came whole for no request, and not for a failure of ours', async () => {
  const body = new ReadableStream({ pull: (controller) => controller.error(new Error('aborted')) })
  const whole = { method: 'POST', body, duplex: 'half' }
  await expect(parse('', whole)).rejects.toMatchObject({ code: 'bad_request' })
})
