import { connect, type Socket } from 'node:net'

/** Whose stream it is, and how far it came. */
export interface Place {
  readonly path: string
  readonly args: unknown
  readonly user: string
  readonly lastEventId: string | undefined
}

export interface Reader {
  /** Breaks the connection off. @returns where it was */
  leave(): Place
}

const OPENING_AT_ONCE = 50
const ID = /\nid: (\S+)\n/g

/** Opens streams, a few at a time: opening is not what is measured. */
export async function openAll(port: number, places: readonly Place[]): Promise<Reader[]> {
  const readers: Reader[] = []
  for (let from = 0; from < places.length; from += OPENING_AT_ONCE) {
    readers.push(...(await Promise.all(places.slice(from, from + OPENING_AT_ONCE).map((place) => open(port, place, undefined)))))
  }
  return readers
}

/** Opens all of them at once, and resolves when each has got this text, or, without one, an id. */
export function comeBack(port: number, places: readonly Place[], textFor: (place: Place) => string | undefined): Promise<Reader[]> {
  return Promise.all(places.map((place) => open(port, place, textFor(place))))
}

function open(port: number, place: Place, wanted: string | undefined): Promise<Reader> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(port, '127.0.0.1')
    let text = ''
    let lastEventId = place.lastEventId
    let hasText = wanted === undefined
    const reader: Reader = {
      leave() {
        socket.destroy()
        return { ...place, lastEventId }
      },
    }
    socket.write(requestOf(place))
    socket.setEncoding('utf8').on('data', (piece: string) => {
      text += piece
      hasText ||= text.includes(wanted ?? '')
      const ids = [...text.matchAll(ID)]
      const id = ids.at(-1)
      if (id !== undefined) lastEventId = id[1]
      if (hasText && id !== undefined) {
        text = text.slice(-200)
        resolve(reader)
      }
    })
    socket.once('error', reject)
    socket.once('close', () => reject(new Error(`The stream of ${place.user} ended: ${text.slice(0, 300)}`)))
  })
}

function requestOf({ path, args, user, lastEventId }: Place): string {
  const resume = lastEventId === undefined ? [] : [`Last-Event-ID: ${lastEventId}`]
  const q = encodeURIComponent(JSON.stringify(args))
  const lines = [`GET /api/live/${path}?q=${q} HTTP/1.1`, 'Host: 127.0.0.1', 'Accept: text/event-stream', `X-User: ${user}`, ...resume]
  return `${lines.join('\r\n')}\r\n\r\n`
}
