import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from '@playwright/test'
import { FORMAT_CASES, type FormatCase } from '../packages/protocol/test/support/event-stream-format.ts'

// What our decoder is tested against is what a browser does.
test('a browser dispatches of each event stream what our decoder is held to', async ({ page }) => {
  const server = await serveCases()
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  for (const [index, { name, dispatched, lastEventId }] of FORMAT_CASES.entries()) {
    const events = await page.evaluate(dispatchedOf, index)
    expect(
      events.map(({ event, data }): FormatCase['dispatched'][number] => (event === 'message' ? data : [event, data])),
      name,
    ).toEqual(dispatched)
    if (lastEventId !== undefined) expect(events.at(-1)?.lastEventId, name).toBe(lastEventId)
  }
  server.closeAllConnections()
  server.close()
})

/** An empty page, and by its number each case as an event stream that ends. */
function serveCases(): Promise<Server> {
  const server = createServer((request, response) => {
    const given = FORMAT_CASES[Number(request.url?.match(/^\/cases\/(\d+)$/)?.[1])]
    response.writeHead(200, { 'content-type': given === undefined ? 'text/html' : 'text/event-stream' })
    response.end(Buffer.from(given?.text ?? '', 'utf8'))
  })
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)))
}

/** In the browser: all that comes before the stream ends, which `EventSource` calls an error. */
function dispatchedOf(index: number): Promise<{ event: string; data: string; lastEventId: string }[]> {
  return new Promise((resolve) => {
    const events: { event: string; data: string; lastEventId: string }[] = []
    const source = new EventSource(`/cases/${index}`)
    const note = ({ type, data, lastEventId }: MessageEvent<string>): void => void events.push({ event: type, data, lastEventId })
    source.addEventListener('message', note)
    source.addEventListener('test', note)
    source.addEventListener('error', () => {
      source.close()
      resolve(events)
    })
  })
}
