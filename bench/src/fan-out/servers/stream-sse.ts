import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { streamSSE, type SSEStreamingApi } from 'hono/streaming'
import { eventData, eventId, EVENT_NAME } from '../event-text.ts'
import { say, serveCommands } from './serve-commands.ts'

// Hono's own helper, as its documentation shows it.
const streams = new Set<SSEStreamingApi>()
const data = JSON.stringify(eventData(`event: ${EVENT_NAME}\ndata: \nid: ${eventId(0)}\n\n`.length))
let last = 0

const app = new Hono()
app.get('/', (c) =>
  streamSSE(c, async (stream) => {
    streams.add(stream)
    await new Promise<void>((resolve) => stream.onAbort(resolve))
    streams.delete(stream)
  }),
)
serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => say(`port ${port}`))

serveCommands({
  send(events) {
    for (let index = 0; index < events; index++) {
      const id = eventId(++last)
      for (const stream of streams) void stream.writeSSE({ id, event: EVENT_NAME, data })
    }
  },
})
