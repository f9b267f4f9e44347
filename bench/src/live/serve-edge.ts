import { createServer, type Server } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { createHonoLiveHandler, type Edge } from '@zenstack-live/edge'
import { Hono } from 'hono'
import type { Studio, UserId } from './studio.ts'

/** A server for one edge; which one it is may change while it runs. */
export async function serveEdge(edge: () => Edge, { clientOf }: Studio, port = 0): Promise<Server> {
  const app = new Hono()
  const live = { edge: async () => edge() }
  // The header is only ever sent by the fuzzer.
  const getClient = (c: { req: { header(name: string): string | undefined } }) => clientOf((c.req.header('x-user') ?? 'nobody') as UserId)
  app.use('/api/live/*', createHonoLiveHandler({ live, getClient: getClient as Parameters<typeof createHonoLiveHandler>[0]['getClient'] }))
  const server = createServer(getRequestListener(app.fetch))
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return server
}

export function portOf(server: Server): number {
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}
