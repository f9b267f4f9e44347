import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { eventData, eventId, EVENT_NAME } from '../event-text.ts'
import { say, serveCommands } from './serve-commands.ts'

// As little as Node can do: the head by node:http, then one shared buffer for each event, written to the sockets themselves.
const sockets = new Set<Socket>()
const overhead = `id: ${eventId(0)}\nevent: ${EVENT_NAME}\ndata: \n\n`.length
const data = JSON.stringify(eventData(overhead))
let last = 0

const server = createServer((_, response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  response.flushHeaders()
  const { socket } = response
  if (socket === null) return
  sockets.add(socket)
  socket.once('close', () => sockets.delete(socket))
})
server.listen(0, '127.0.0.1', () => {
  // A TCP server's address is one.
  const { port } = server.address() as AddressInfo
  say(`port ${port}`)
})

serveCommands({
  send(events) {
    let text = ''
    for (let index = 0; index < events; index++) text += `id: ${eventId(++last)}\nevent: ${EVENT_NAME}\ndata: ${data}\n\n`
    const chunk = Buffer.from(`${text.length.toString(16)}\r\n${text}\r\n`, 'latin1')
    for (const socket of sockets) socket.write(chunk)
  },
})
