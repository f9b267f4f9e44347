/** The part of a partitioned reader that a row belongs to: FNV-1a over its key, the same in every process and version. */
export function partitionOf(key: string, partitions: number): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < key.length; index++) hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  return ((hash ^ (hash >>> 13)) >>> 0) % partitions
}

/** Name of the record of one part. A reader without parts is named as the stream is. */
export function partitionName(id: string, index: number, partitions: number): string {
  return partitions === 1 ? id : `${id}#${index}/${partitions}`
}

export interface PartitionName {
  id: string
  index: number
  partitions: number
}

/** `undefined` for names that are no part of a stream: memberships and replay lists. */
export function parsePartitionName(name: string): PartitionName | undefined {
  const parts = /^([^#~]+)(?:#(\d+)\/(\d+))?$/.exec(name)
  if (parts?.[1] === undefined) return undefined
  return { id: parts[1], index: Number(parts[2] ?? 0), partitions: Number(parts[3] ?? 1) }
}

/** Where a process says that it takes part in a stream of so many parts. */
export function memberName(id: string, partitions: number, owner: string): string {
  return `${id}~member/${partitions}~${owner}`
}

/** Held by the process that gives the parts of a stream their places. */
export function placingName(id: string): string {
  return `${id}~placing`
}

/** Dead letters that are to be delivered again. */
export function replayName(id: string): string {
  return `${id}~replay`
}
