/** One message, as it stands in a stream of Debezium's. */
export interface DebeziumMessage {
  key: string
  value: string
}

/** What may differ between two captures of the same WAL: who wrote it, when it was read, and what each alone says. */
export function masked(message: DebeziumMessage, isSameWal: boolean): { key: unknown; value: unknown } {
  // Numbers beyond 2^53 would be rounded on both sides alike, so they are compared as text.
  const value = parseExact(message.value) as Record<string, unknown>
  const source = value['source'] as Record<string, unknown>
  const sequence = JSON.parse(String(source['sequence'])) as (string | null)[]
  const keptSource = Object.fromEntries(
    Object.entries(source).filter(([name]) => !['version', 'ts_ms', 'ts_us', 'ts_ns', 'sequence', 'lsn', 'txId', 'db'].includes(name)),
  )
  const { excluded: _, ts_ms: _ms, ts_us: _us, ts_ns: _ns, transaction: _transaction, ...rest } = value
  const ofThisWal = {
    lsn: source['lsn'],
    txId: source['txId'],
    sequence: sequence[1],
    db: source['db'],
    // A message outside of a transaction has no commit; Debezium repeats the time of the one before.
    ts_us: value['op'] === 'm' ? undefined : source['ts_us'],
  }
  return { key: parseExact(message.key), value: { ...rest, source: { ...keptSource, ...(isSameWal ? ofThisWal : {}) } } }
}

/** JSON whose numbers keep their digits: `4.0` and `4` are one number, 2^53 and 2^53 + 1 are two. */
function parseExact(text: string): unknown {
  if (text === 'default') return text
  return JSON.parse(text, function (this: unknown, _name: string, value: unknown, context?: { source: string }): unknown {
    return typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? '') ? `#${context?.source}` : value
  } as (this: unknown, key: string, value: unknown) => unknown)
}

/** Where two JSON values differ, as `path: ours, theirs`. */
export function differences(ours: unknown, theirs: unknown, path = ''): string[] {
  if (JSON.stringify(ours) === JSON.stringify(theirs)) return []
  if (isObject(ours) && isObject(theirs)) {
    const names = new Set([...Object.keys(ours), ...Object.keys(theirs)])
    return [...names].flatMap((name) => differences(ours[name], theirs[name], `${path}.${name}`))
  }
  return [`${path.slice(1)}: ours ${JSON.stringify(ours)}, theirs ${JSON.stringify(theirs)}`]
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
