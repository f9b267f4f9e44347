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
  /** Takes the next piece of text, cut anywhere, and gives the blocks it completes. */
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
  let [rest, event] = ['', '']
  let isFirst = true
  let { lastEventId } = options
  let data: string[] = []
  let dataChars = 0
  let retryMs: number | undefined
  let hasFields = false

  const readLine = (line: string): void => {
    const [field, value] = splitField(line)
    if (field === 'data') {
      data.push(value)
      dataChars += value.length + 1
      hasFields = true
    } else if (field === 'event') event = value
    else if (field === 'id') {
      if (value.includes('\0')) return
      lastEventId = value
      hasFields = true
    } else if (field === 'retry' && /^\d+$/.test(value)) {
      retryMs = Number(value)
      hasFields = true
    }
  }

  const endBlock = (): SseBlock | undefined => {
    const block = hasFields
      ? { event: event === '' ? 'message' : event, data: data.length === 0 ? undefined : data.join('\n'), lastEventId, retryMs }
      : undefined
    event = ''
    data = []
    dataChars = 0
    retryMs = undefined
    hasFields = false
    return block
  }

  return {
    feed(text) {
      if (isFirst && text !== '') {
        isFirst = false
        if (text.charCodeAt(0) === 0xfeff) text = text.slice(1)
      }
      const blocks: SseBlock[] = []
      const buffer = rest + text
      let start = 0
      for (;;) {
        const end = lineEnd(buffer, start)
        if (end === undefined) break
        if (end.at === start) {
          const block = endBlock()
          if (block !== undefined) blocks.push(block)
        } else readLine(buffer.slice(start, end.at))
        start = end.next
      }
      rest = buffer.slice(start)
      if (rest.length + dataChars > maxBlockChars) throw new RangeError(`A block of the event stream is longer than ${maxBlockChars} characters.`)
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

/** The next line's end: CR, LF or CRLF. A CR at the very end waits for what follows: an LF would belong to it. */
function lineEnd(buffer: string, start: number): { at: number; next: number } | undefined {
  const lf = buffer.indexOf('\n', start)
  const crAnywhere = buffer.indexOf('\r', start)
  const cr = crAnywhere >= 0 && (lf < 0 || crAnywhere < lf) ? crAnywhere : -1
  if (cr < 0) return lf < 0 ? undefined : { at: lf, next: lf + 1 }
  if (cr === buffer.length - 1) return undefined
  return { at: cr, next: buffer.charCodeAt(cr + 1) === 10 ? cr + 2 : cr + 1 }
}
