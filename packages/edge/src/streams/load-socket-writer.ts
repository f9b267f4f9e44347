import { createRequire } from 'node:module'
import type { SendEach } from './send-batch.ts'

/**
 * The optional package, where it is installed and was compiled: else edges write through Node alone. `ZENSTACK_LIVE_NO_SOCKET_WRITER=1` leaves
 * it out.
 */
export function loadSocketWriter(environment: NodeJS.ProcessEnv = process.env): SendEach | undefined {
  // Other runtimes have other sockets.
  if (environment['ZENSTACK_LIVE_NO_SOCKET_WRITER'] === '1' || 'bun' in process.versions || 'deno' in process.versions) return undefined
  try {
    const loaded: unknown = createRequire(import.meta.url)('@zenstack-live/socket-writer')
    const sendEach: unknown = Reflect.get(Object(loaded), 'sendEach')
    return typeof sendEach === 'function' ? (sendEach as SendEach) : undefined
  } catch {
    return undefined
  }
}
