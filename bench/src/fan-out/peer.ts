import { fileURLToPath } from 'node:url'
import { pinned } from './native-tools.ts'
import { startLineProcess } from './line-process.ts'

/** A server that can send one event to everyone who listens. */
export interface Peer {
  readonly name: string
  start(): Promise<RunningPeer>
}

export interface RunningPeer {
  readonly port: number
  /** The request of connection `%n`, head and all. */
  readonly request: string
  /** Text of the response that shows that a connection gets events from now on. */
  readonly openMarker: string
  /** The processes that do its work. */
  readonly pids: readonly number[]
  /** Sends so many events to everyone, at once. */
  send(events: number): Promise<void>
  /** Deliveries that went past Node, where it can say so. */
  directWrites?(): Promise<number>
  /** Lets it free the memory that it no longer needs, where it can be asked to. */
  collect(): Promise<void>
  stop(): Promise<void>
}

/** The end of a response's head: enough for servers that register a connection before they answer. */
export const END_OF_HEAD = '\r\n\r\n'

const PLAIN_REQUEST = ['GET / HTTP/1.1', 'Host: 127.0.0.1', 'Accept: text/event-stream', '', ''].join('\r\n')

/** How the project's Node runs one of its programs here. */
export function nodeCommand(file: string, flags: readonly string[] = []): string[] {
  const path = fileURLToPath(new URL(`servers/${file}`, import.meta.url))
  return [process.execPath, '--conditions=@zenstack-live/source', ...flags, path]
}

/** A peer that is one Node program of `servers/`. */
export function nodePeer(name: string, file: string): Peer {
  return { name, start: () => startProgram(pinned(0, nodeCommand(file)), true) }
}

/** A peer that is one program, which says its port and takes `send`. */
export async function startProgram(command: readonly string[], canCollect: boolean): Promise<RunningPeer> {
  const program = startLineProcess(command)
  const port = Number(await program.hear('port'))
  return {
    port,
    request: PLAIN_REQUEST,
    openMarker: END_OF_HEAD,
    pids: [program.pid],
    send: async (events) => program.say(`send ${events}`),
    async collect() {
      if (!canCollect) return
      program.say('collect')
      await program.hear('collected')
    },
    stop: () => program.stop(),
  }
}
