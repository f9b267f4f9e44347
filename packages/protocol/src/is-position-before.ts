import { positionLsn } from './position-lsn.ts'

/** Whether a position is known to lie before another one: both are of the same log and epoch, and say how far they have come. */
export function isPositionBefore(position: string | undefined, other: string | undefined): boolean {
  const [lsn, otherLsn] = [positionLsn(position), positionLsn(other)]
  return lsn !== undefined && otherLsn !== undefined && lsn < otherLsn && logOf(position) === logOf(other)
}

/** `<version>~<log>~<epoch>`. */
function logOf(position: string | undefined): string {
  return position?.split('~', 3).join('~') ?? ''
}
