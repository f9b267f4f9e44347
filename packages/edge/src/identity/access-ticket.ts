import type { Keys } from '../keys.ts'

/** What lets a stream in by its URL. */
export interface AccessTicket {
  /** Whom the application named: what it finds them again by. */
  readonly subject: string
  /** Whose it is, as the keyed hash that {@link ownerOf} gives. */
  readonly owner: string
  /** Until when, in milliseconds since 1970. */
  readonly expiresAtMs: number
}

const VERSION = '1'

/** @param opens - the one thing it lets in to, as text: {@link parseAccessTicket} has to be given the same */
export function encodeAccessTicket(keys: Keys, opens: string, { subject, owner, expiresAtMs }: AccessTicket): string {
  const text = [VERSION, expiresAtMs, owner, Buffer.from(subject, 'utf8').toString('base64url')].join('~')
  return `${text}~${keys.sign('access', `${text}~${opens}`)}`
}

/** The ticket, or `undefined` when it is corrupt, forged, or opens something else. That it has expired is for the caller to see. Never throws. */
export function parseAccessTicket(keys: Keys, opens: string, ticket: string): AccessTicket | undefined {
  const end = Math.max(ticket.lastIndexOf('~'), 0)
  const text = ticket.slice(0, end)
  // Only what was signed is looked into.
  if (!keys.verify('access', `${text}~${opens}`, ticket.slice(end + 1))) return undefined
  const [version, expiresAtMs, owner, subject] = text.split('~')
  if (version !== VERSION || owner === undefined || subject === undefined) return undefined
  return { subject: Buffer.from(subject, 'base64url').toString('utf8'), owner, expiresAtMs: Number(expiresAtMs) }
}

/** @param authKey - of the row behind `auth()`; none: nobody in particular */
export function ownerOf(keys: Keys, authKey: string | undefined): string {
  return keys.sign('access', authKey === undefined ? 'nobody' : `owner ${authKey}`)
}
