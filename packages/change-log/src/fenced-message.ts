import type { ReaderLease } from './durable-readers.ts'

export function fencedMessage(lease: ReaderLease): string {
  return `"${lease.owner}" no longer owns the reader "${lease.id}" (its fence is ${lease.fence}): another process took over after its lease ran out, the id was dropped, or the log lost it.`
}
