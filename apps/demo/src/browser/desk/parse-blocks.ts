/** One block of a server-sent event stream, as the inspector shows it. */
export interface Block {
  event: string
  data: unknown
  id: string | undefined
  bytes: number
}

/** For display only: reads the blocks out of the bytes that pass by, in any chunking. Comments are left out. */
export function parseBlocks(onBlock: (block: Block) => void): (chunk: Uint8Array) => void {
  const decoder = new TextDecoder()
  const encoder = new TextEncoder()
  let rest = ''
  return (chunk) => {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split(/\r?\n\r?\n/)
    rest = parts.pop() ?? ''
    for (const part of parts) {
      const fields = fieldsOf(part)
      if (fields.size === 0) continue
      const data = fields.get('data')
      onBlock({
        event: fields.get('event') ?? (data === undefined ? (fields.has('id') ? 'id' : 'retry') : 'message'),
        data: data === undefined ? fields.get('retry') : parseJson(data),
        id: fields.get('id'),
        bytes: encoder.encode(part).length + 2,
      })
    }
  }
}

function fieldsOf(part: string): Map<string, string> {
  const fields = new Map<string, string>()
  for (const line of part.split(/\r?\n/)) {
    const [, name, value] = /^([^:]+):? ?(.*)$/.exec(line) ?? []
    if (name === undefined || value === undefined || line.startsWith(':')) continue
    fields.set(name, name === 'data' && fields.has('data') ? `${fields.get('data')}\n${value}` : value)
  }
  return fields
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}
