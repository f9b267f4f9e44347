import { createServer } from 'node:http'
import { COMMIT_POSITION_HEADER } from '@zenstack-live/protocol'
import { commitPosition, type Edge } from '@zenstack-live/edge'
import { Hono } from 'hono'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

describe('the position of a write', () => {
  const elsewhere = createServer((_, response) => response.setHeader('access-control-expose-headers', 'x-other').end('written'))
  let url: string
  beforeAll(async () => {
    await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(elsewhere.address() as { port: number }).port}/`
  })
  afterAll(() => elsewhere.close())

  const write = (edge: () => Promise<Pick<Edge, 'commitPosition'>>): Promise<Response> | Response => {
    const app = new Hono().post('/', commitPosition({ edge: edge as () => Promise<Edge> }), () => fetch(url))
    return app.request('/', { method: 'POST' })
  }

  it('is told beside an answer that was fetched from elsewhere, whose headers are fixed', async () => {
    const response = await write(async () => ({ commitPosition: async () => '0/1' }))
    expect([response.status, await response.text(), response.headers.get(COMMIT_POSITION_HEADER)]).toEqual([200, 'written', '0/1'])
    expect(response.headers.get('access-control-expose-headers')).toBe(`x-other, ${COMMIT_POSITION_HEADER}`)
  })

  it.each([
    ['does not start', () => new Promise<never>(() => {})],
    ['does not answer', async () => ({ commitPosition: () => new Promise<never>(() => {}) })],
    ['fails', async () => ({ commitPosition: () => Promise.reject(new Error('away')) })],
  ])('holds no answer up where the edge %s', async (_how, edge) => {
    const response = await write(edge)
    expect([response.status, response.headers.get(COMMIT_POSITION_HEADER)]).toEqual([200, null])
  })
})
