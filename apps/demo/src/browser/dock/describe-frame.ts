import type { TappedFrame } from '../desk/tapped-network.ts'

interface Operation {
  op: string
  key?: string
  set?: Record<string, unknown>
  value?: unknown
}

interface FrameData {
  ops?: Operation[]
  patch?: { op: string; path: string }[]
  state?: unknown
  rows?: unknown[]
  value?: unknown
  engine?: string
  shape?: string
  code?: string
  reason?: string
}

const PLAIN: Readonly<Record<string, string>> = {
  open: 'a stream was opened',
  closed: 'a stream ended',
  cut: 'the stream was cut',
}

/** One line about a block. */
export function describeFrame({ event, data, id }: TappedFrame): string {
  const plain = PLAIN[event]
  if (plain !== undefined) return plain
  if (event === 'id') return shorten(id ?? '')
  if (typeof data !== 'object' || data === null) return typeof data === 'string' ? data : ''
  const frame = data as FrameData
  if (frame.ops !== undefined) return frame.ops.map(describeOperation).join(', ')
  if (frame.patch !== undefined) return frame.patch.map(({ op, path }) => `${op} ${path}`).join(', ')
  if (frame.state !== undefined) return 'the whole projection'
  if (frame.rows !== undefined) return `${frame.rows.length} ${frame.rows.length === 1 ? 'row' : 'rows'}`
  if (frame.value !== undefined) return `value ${JSON.stringify(frame.value)}`
  if (frame.engine !== undefined) return frame.engine === 'incremental' ? 'decided in memory' : 'asked of the database'
  return frame.code ?? frame.reason ?? ''
}

function describeOperation({ op, key, set, value }: Operation): string {
  if (op === 'value') return `value ${JSON.stringify(value)}`
  const fields = set === undefined ? '' : ` (${Object.keys(set).join(', ')})`
  return `${op} ${key ?? ''}${fields}`.trim()
}

function shorten(text: string): string {
  return text.length > 28 ? `${text.slice(0, 12)}…${text.slice(-12)}` : text
}
