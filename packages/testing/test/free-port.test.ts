import { createServer } from 'node:net'
import { freePort } from '@zenstack-live/testing'
import { expect, it } from 'vitest'

it('gives ports that a server can take, each once, and none that an outgoing connection may have', async () => {
  const ports = await Promise.all(Array.from({ length: 200 }, () => freePort()))
  expect(new Set(ports).size).toBe(200)
  expect(Math.max(...ports)).toBeLessThan(32_768)
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(ports[0], '127.0.0.1', resolve))
  await new Promise((resolve) => server.close(resolve))
})
