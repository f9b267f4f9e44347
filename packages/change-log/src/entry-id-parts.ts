import { parseEntryId, type EntryId } from '@zenstack-live/protocol'

const EPOCH_SHIFT = 52n

/** The two numbers of an id. */
export function splitEntryId(id: EntryId): { major: bigint; minor: bigint } {
  const dash = id.indexOf('-')
  return { major: BigInt(id.slice(0, dash)), minor: BigInt(id.slice(dash + 1)) }
}

/** Which unbroken history an id of our capture belongs to; 0 for ids that a server's clock made (Debezium). */
export function entryEpoch(id: EntryId): number {
  return Number(splitEntryId(id).major >> EPOCH_SHIFT)
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
