import type { TappedFrame } from '../desk/tapped-network.ts'

/** One line about a block. */
export function describeFrame({ event, data, id }: TappedFrame): string {
  if (event === 'id') return `position ${shorten(id ?? '')}`
  if (event === 'open') return 'a stream was opened'
  if (event === 'closed') return 'the stream ended'
  if (event === 'cut') return 'the stream was cut'
  if (typeof data !== 'object' || data === null) return typeof data === 'string' ? data : ''
  const frame = data as { ops?: { op: string; key?: string }[]; rows?: unknown[]; engine?: string; at?: string; code?: string; reason?: string }
  if (frame.ops !== undefined) return summarize(frame.ops)
  if (frame.rows !== undefined) return `${frame.rows.length} ${frame.rows.length === 1 ? 'row' : 'rows'} at ${frame.at ?? '?'}`
  return frame.code ?? frame.reason ?? frame.engine ?? (frame.at === undefined ? '' : `at ${frame.at}`)
}

function summarize(ops: readonly { op: string; key?: string }[]): string {
  const [first] = ops
  if (first === undefined) return 'nothing'
  const rest = ops.length > 1 ? ` and ${ops.length - 1} more` : ''
  return `${first.op} ${first.key ?? ''}${rest}`
}

function shorten(text: string): string {
  return text.length > 28 ? `${text.slice(0, 12)}…${text.slice(-12)}` : text
}
