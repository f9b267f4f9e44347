/** How many parts each process should own: as many as the others, one more where they do not come out even. */
export function fairShare(partitions: number, members: number): number {
  return Math.ceil(partitions / Math.max(1, members))
}
