/** One block of an event stream. */
export interface SseBlock {
  /** Event name; `message` where the stream gives none. */
  event: string
  /** `undefined` for a block without data, which a reader only takes the id from. */
  data: string | undefined
  /** The last event id after this block, or `undefined` while none was ever given. */
  lastEventId: string | undefined
  /** A reconnection time in milliseconds given by this block. */
  retryMs: number | undefined
}

export interface SseDecoder {
  /** Takes the next piece of text, as `TextDecoder` gives it (without a byte order mark), cut anywhere, and gives the blocks it completes. */
  feed(text: string): SseBlock[]
}

/**
 * Reads an event stream as browsers do, but also reports blocks without data: they carry positions.
 *
 * @param options.lastEventId - the id the stream was opened with, kept until the stream gives another
 * @param options.maxBlockChars - longest block; a stream that passes it is broken or hostile. @defaultValue 64 Mi characters
 * @throws {RangeError} from `feed` when a block passes `maxBlockChars`
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export function createSseDecoder(options: { lastEventId?: string; maxBlockChars?: number } = {}): SseDecoder {
  const { maxBlockChars = 64 * 1024 * 1024 } = options
  let { lastEventId } = options
  let [rest, event] = ['', '']
  let endsInCr = false
  let data: string | undefined
  let retryMs: number | undefined
  let hasId = false

  const readLine = (line: string): void => {
    const [field, value] = splitField(line)
    if (field === 'data') data = data === undefined ? value : `${data}\n${value}`
    else if (field === 'event') event = value
    else if (field === 'id' && !value.includes('\0')) [lastEventId, hasId] = [value, true]
    else if (field === 'retry' && /^\d+$/.test(value)) retryMs = Number(value)
  }

  const endBlock = (): SseBlock | undefined => {
    const isEmpty = data === undefined && retryMs === undefined && !hasId
    const block = { event: event || 'message', data, lastEventId, retryMs }
    event = ''
    data = retryMs = undefined
    hasId = false
    return isEmpty ? undefined : block
  }

  return {
    feed(text) {
      // A CR at the end of the last piece has ended its line, and an LF behind it is part of that end.
      const piece = endsInCr && text.startsWith('\n') ? text.slice(1) : text
      if (text !== '') endsInCr = text.endsWith('\r')
      // A long line comes in many pieces. What is there of it is not looked at again with each: that takes time with the square of its length.
      const lines = /[\r\n]/.test(piece) ? (rest + piece).split(piece.includes('\r') ? /\r\n|\n|\r/ : '\n') : [rest + piece]
      rest = lines.pop() ?? ''
      const blocks: SseBlock[] = []
      for (const line of lines) {
        const block = line === '' ? endBlock() : readLine(line)
        if (block !== undefined) blocks.push(block)
      }
      if (rest.length + (data?.length ?? 0) > maxBlockChars)
        throw new RangeError(`A block of the event stream is longer than ${maxBlockChars} characters.`)
      return blocks
    },
  }
}

/** A line's field and value, without one leading space. A comment's field is empty, which no field is called. */
function splitField(line: string): [field: string, value: string] {
  const colon = line.indexOf(':')
  if (colon < 0) return [line, '']
  return [line.slice(0, colon), line.slice(line.charCodeAt(colon + 1) === 32 ? colon + 2 : colon + 1)]
}
