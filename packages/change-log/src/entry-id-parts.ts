import { isEntryId, parseEntryId, type EntryId } from '@zenstack-live/protocol'

/** The two numbers of an id. */
export function splitEntryId(id: EntryId): { major: bigint; minor: bigint } {
  const dash = id.indexOf('-')
  return { major: BigInt(id.slice(0, dash)), minor: BigInt(id.slice(dash + 1)) }
}

/** Before every entry of the transaction that the id belongs to. */
export function transactionStart(id: EntryId): EntryId {
  return parseEntryId(`${id.slice(0, id.indexOf('-'))}-0`)
}

/** The id just after this one: nothing can stand between. */
export function nextEntryId(id: EntryId): EntryId {
  const { major, minor } = splitEntryId(id)
  return minor === 0xffff_ffff_ffff_ffffn ? parseEntryId(`${major + 1n}-0`) : parseEntryId(`${major}-${minor + 1n}`)
}

/** The id that a text is, if it is one. */
export function optionalEntryId(text: unknown): EntryId | undefined {
  return typeof text === 'string' && isEntryId(text) ? text : undefined
}
