import type { ConnectionEvent } from './connection-machine.ts'

/** Lets the application refresh what the server no longer accepts, and says how that went. */
export async function refreshCredentials({ onAuthExpired }: { readonly onAuthExpired: (() => unknown) | undefined }): Promise<ConnectionEvent> {
  try {
    await onAuthExpired?.()
    return { kind: 'refreshed' }
  } catch {
    return { kind: 'refresh-failed' }
  }
}
