/** Stands once in each event, and nowhere else in a stream: the client counts it. */
export const EVENT_MARK = '^'

/** Bytes of one event, from the first field to the empty line. */
export const EVENT_BYTES = 250

export const EVENT_NAME = 'change'

/** Twelve digits, so that all ids are of one length. */
export function eventId(number: number): string {
  return String(number).padStart(12, '0')
}

/** JSON that fills an event up to its size. @param otherBytes - what the server writes around it */
export function eventData(otherBytes: number): { mark: string; text: string } {
  const empty = JSON.stringify({ mark: EVENT_MARK, text: '' }).length
  return { mark: EVENT_MARK, text: 'x'.repeat(EVENT_BYTES - otherBytes - empty) }
}
