import type { EntryId } from '@zenstack-live/protocol'
import { RespReader } from './resp-reader.ts'

/** An entry as Redis answers it: its id, then field and value in turn. */
export interface RawEntry {
  id: EntryId
  fields: readonly string[]
}

/** The entries of an XRANGE reply, packed or as the client library took it apart. */
export function parseEntries(reply: unknown): RawEntry[] {
  if (Buffer.isBuffer(reply)) return readEntries(new RespReader(reply))
  if (!Array.isArray(reply)) return []
  return reply.map((item: unknown) => {
    const [id, fields] = Array.isArray(item) ? (item as unknown[]) : []
    return { id: idOf(String(id)), fields: Array.isArray(fields) ? fields.map(String) : [] }
  })
}

/** The entries of an XREAD reply for one stream; empty when the wait ended without any. */
export function parseReadReply(reply: unknown): RawEntry[] {
  if (Buffer.isBuffer(reply)) {
    const reader = new RespReader(reply)
    // A list of pairs, or a map, of the stream's name and its entries.
    if (reader.isList()) reader.count()
    reader.count()
    reader.blob()
    return readEntries(reader)
  }
  const stream: unknown = Array.isArray(reply) ? reply[0] : undefined
  return Array.isArray(stream) ? parseEntries(stream[1]) : []
}

/** The members of a reply that is a flat list of names and values. */
export function parsePairs(reply: unknown): Map<string, unknown> {
  const pairs = new Map<string, unknown>()
  if (Array.isArray(reply)) for (let index = 0; index + 1 < reply.length; index += 2) pairs.set(String(reply[index]), reply[index + 1])
  return pairs
}

function readEntries(reader: RespReader): RawEntry[] {
  const entries: RawEntry[] = []
  let names: readonly string[] = []
  for (let left = reader.count(); left > 0; left--) {
    reader.count()
    const id = idOf(reader.blob())
    const fields: string[] = []
    // The entries of a stream have the same names, nearly always.
    for (let index = 0, length = reader.count(); index < length; index++) fields.push(reader.blob(index % 2 === 0 ? names[index] : undefined))
    names = fields
    entries.push({ id, fields })
  }
  return entries
}

/** Redis gave it. */
function idOf(text: string): EntryId {
  return text as EntryId
}
