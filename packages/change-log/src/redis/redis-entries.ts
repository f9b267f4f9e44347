import { parseEntryId, type EntryId } from '@zenstack-live/protocol'

/** An entry as Redis answers it: its id, then field and value in turn. */
export interface RawEntry {
  id: EntryId
  fields: readonly string[]
}

/** The entries of an XRANGE reply. */
export function parseEntries(reply: unknown): RawEntry[] {
  if (!Array.isArray(reply)) return []
  return reply.map((item: unknown) => {
    const [id, fields] = Array.isArray(item) ? (item as unknown[]) : []
    // Redis answers bulk strings here; a deleted entry inside a range is left out by Redis itself.
    return { id: parseEntryId(String(id)), fields: fields as string[] }
  })
}

/** The entries of an XREAD reply for one stream; empty when the wait ended without any. */
export function parseReadReply(reply: unknown): RawEntry[] {
  const stream: unknown = Array.isArray(reply) ? reply[0] : undefined
  return Array.isArray(stream) ? parseEntries(stream[1]) : []
}

/** The members of a reply that is a flat list of names and values. */
export function parsePairs(reply: unknown): Map<string, unknown> {
  const pairs = new Map<string, unknown>()
  if (Array.isArray(reply)) for (let index = 0; index + 1 < reply.length; index += 2) pairs.set(String(reply[index]), reply[index + 1])
  return pairs
}
