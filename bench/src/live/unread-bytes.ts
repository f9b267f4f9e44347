import { ERROR_CODES, type ErrorBody, type ErrorCode, type Frame } from '@zenstack-live/protocol'

/*
 * What is sent and read by nobody leaks as well as what is shown. So all that the wire may hold is listed here, by itself: events, their
 * members, those of rows, operations and changes, and what stands in them beside results.
 */

type Check = (value: unknown) => boolean

const oneOf =
  (...texts: readonly string[]): Check =>
  (value) =>
    texts.includes(String(value))
const like =
  (pattern: RegExp): Check =>
  (value) =>
    typeof value === 'string' && pattern.test(value)
const isPlace: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 0
const isAnything: Check = () => true
const isText: Check = (value) => typeof value === 'string'

/** Members, by name; those with a question mark need not be there. */
type Members = Readonly<Record<string, Check>>

const META: Members = { 'values?': isAnything, 'referentialEqualities?': isAnything, 'v?': (value) => value === 1 }
const isMeta: Check = (value) => unknownIn('meta', value, META).length === 0

const OF_QUERY: Members = { q: like(/^[\da-z]{28}$/), at: like(/^\d+-\d+$/) }
const REASONS = ['position', 'epoch', 'gap', 'identity', 'schema', 'truncate', 'bulk', 'slow']
const SHAPE = oneOf('rows', 'row', 'value')

const EVENTS: Readonly<Record<Frame['event'], Members>> = {
  snapshot: {
    ...OF_QUERY,
    part: isPlace,
    isLast: oneOf('true', 'false'),
    shape: SHAPE,
    'rows?': Array.isArray,
    'value?': isAnything,
    'meta?': isMeta,
  },
  ready: { ...OF_QUERY, engine: oneOf('incremental', 'requery'), shape: SHAPE, ticket: isText },
  change: { ...OF_QUERY, ops: Array.isArray, 'meta?': isMeta },
  changes: { ...OF_QUERY, changes: Array.isArray, 'meta?': isMeta },
  reset: { 'q?': isText, at: isText, reason: oneOf(...REASONS) },
  error: { 'q?': isText, code: oneOf(...Object.keys(ERROR_CODES)), message: isText },
  'auth-expired': {},
  bye: { reason: oneOf('drain', 'age', 'overloaded', 'slow') },
}

const ROW: Members = { key: isText, row: isAnything, 'sort?': isText }
const PLACE: Members = { key: isText, 'sort?': isText, 'index?': isPlace }
const OPERATIONS: Readonly<Record<string, Members>> = {
  enter: { op: isText, ...PLACE, row: isAnything },
  update: { op: isText, ...PLACE, set: isAnything },
  leave: { op: isText, key: isText },
  move: { op: isText, ...PLACE },
  value: { op: isText, value: isAnything },
}
const CHANGE: Members = { type: isText, date: like(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) }
const CHANGES: Readonly<Record<string, Members>> = {
  created: { ...CHANGE, created: isAnything },
  updated: { ...CHANGE, updated: (value) => unknownIn('updated', value, { before: isAnything, after: isAnything }).length === 0 },
  deleted: { ...CHANGE, deleted: isAnything },
}

/** What a frame holds that it is not known to, or lacks, or says in another way. In words. */
export function unreadIn(frame: Frame): string[] {
  const { event, ...data } = frame
  const unread = unknownIn(event, data, EVENTS[event])
  if (unread.length > 0) return unread
  if (frame.event === 'error') return frame.message === ERROR_CODES[frame.code].sentence ? [] : ['a message that is not the sentence of its code']
  if (frame.event === 'snapshot') {
    if ('rows' in frame === 'value' in frame) return ['neither rows nor a value, or both']
    return frame.shape === 'value' ? [] : frame.rows.flatMap((row) => unknownIn('a row', row, ROW))
  }
  if (frame.event === 'change') return frame.ops.flatMap((operation) => unknownIn(operation.op, operation, OPERATIONS[operation.op]))
  if (frame.event === 'changes') return frame.changes.flatMap((change) => unknownIn(change.type, change, CHANGES[change.type]))
  return []
}

function unknownIn(what: string, holder: unknown, members: Members | undefined): string[] {
  if (members === undefined) return [`${what}, which nobody knows,`]
  const given = Object(holder) as Readonly<Record<string, unknown>>
  const others = Object.keys(given).filter((name) => members[name] === undefined && members[`${name}?`] === undefined)
  const wrong = Object.entries(members).filter(([name, check]) => {
    const plain = name.replace('?', '')
    return Object.hasOwn(given, plain) ? !check(given[plain]) : plain === name
  })
  return [...others.map((name) => `${name} of ${what}, which nobody reads,`), ...wrong.map(([name]) => `no ${name} in ${what}, or another`)]
}

const LINE = new RegExp(`^(?:|event: (?:${Object.keys(EVENTS).join('|')})|data: \\{.*\\}|id: \\S*|retry: \\d+)$`)

/** Of an event stream. */
export function isLineRead(line: string): boolean {
  return LINE.test(line)
}

const ERROR_BODIES = Object.entries(ERROR_CODES).map(([code, { sentence }]) =>
  JSON.stringify({ error: { code: code as ErrorCode, message: sentence } } satisfies ErrorBody),
)

/** Whether an answer that is no stream is a code and its sentence, perhaps cut off. */
export function isErrorBody(text: string): boolean {
  return ERROR_BODIES.some((body) => body.startsWith(text))
}
