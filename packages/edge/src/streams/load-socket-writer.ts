import { createRequire } from 'node:module'
import type { SendEach } from './send-batch.ts'

/**
 * The optional package, where it is installed and was compiled: else edges write through Node alone. `ZENSTACK_LIVE_NO_SOCKET_WRITER=1` leaves
 * it out.
 *
 * @param onUnfit - it is there, and cannot be loaded
 */
export function loadSocketWriter(onUnfit: (error: unknown) => void, environment: NodeJS.ProcessEnv = process.env): SendEach | undefined {
  // Other runtimes have other sockets.
  if (environment['ZENSTACK_LIVE_NO_SOCKET_WRITER'] === '1' || 'bun' in process.versions || 'deno' in process.versions) return undefined
  try {
    const loaded: unknown = createRequire(import.meta.url)('@zenstack-live/socket-writer')
    const { sendEach } = loaded as { sendEach: SendEach }
    // To nobody: one of another version says here that it takes something else.
    sendEach(new Int32Array(0), 0, new Uint8Array(0), 0, new Uint8Array(0), 0)
    return sendEach
  } catch (error) {
    if (Reflect.get(Object(error), 'code') !== 'MODULE_NOT_FOUND') onUnfit(error)
    return undefined
  }
}
