import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createChannel, createSession } from 'better-sse'
import { eventData, eventId, EVENT_NAME } from '../event-text.ts'
import { say, serveCommands } from './serve-commands.ts'

// better-sse's channel, as its documentation shows it.
const channel = createChannel()
const data = eventData(`event:${EVENT_NAME}\nid:${eventId(0)}\ndata:\n\n`.length)
let last = 0

const server = createServer((request, response) => void createSession(request, response).then((session) => channel.register(session)))
server.listen(0, '127.0.0.1', () => {
  // A TCP server's address is one.
  const { port } = server.address() as AddressInfo
  say(`port ${port}`)
})

serveCommands({
  send(events) {
    for (let index = 0; index < events; index++) channel.broadcast(data, EVENT_NAME, { eventId: eventId(++last) })
  },
})
