import { LIVE_OPERATIONS } from '@zenstack-live/protocol'
import type { Random } from '../random.ts'
import type { Genuine } from './genuine.ts'

/** A request that nobody should send. */
export interface HostileInput {
  method: string
  path: string
  search: string
  headers: Record<string, string>
  body: string | undefined
  /** Of the queries of a stream, how many are waited for. */
  awaits: number
  /** It would go on with what somebody else was shown. */
  isStolen?: boolean
}

/** What is there: most inputs get past the first look only with it. */
const TRUE_MODELS = ['note', 'task', 'user', 'member']
const FIELDS = ['id', 'ownerId', 'body', 'secret', 'rank', 'size', 'score', 'at', 'data', 'tags', 'owner', 'title', 'spaceId', 'space', 'budget']
const OPERATORS = ['equals', 'not', 'in', 'notIn', 'lt', 'gte', 'contains', 'startsWith', 'has', 'some', 'every', 'is', 'path', 'mode', 'between']
const MODELS = ['note', 'Note', 'task', 'user', 'nothing', '__proto__', 'constructor', '$changes', '../note', 'n%6Fte', '', 'note ']
const OPERATIONS = [...LIVE_OPERATIONS, '$changes', 'create', 'deleteMany', '$transaction', 'constructor', '']
const WORDS = [
  'id',
  'ownerId',
  'secret',
  'body',
  'rank',
  'owner',
  'data',
  'tags',
  '$expr',
  '__proto__',
  'toString',
  'AND',
  'OR',
  'NOT',
  'some',
  'path',
  'equals',
]
const ARGS = [
  'where',
  'select',
  'include',
  'omit',
  'orderBy',
  'take',
  'skip',
  'cursor',
  'distinct',
  'by',
  '_count',
  '_sum',
  'having',
  'created',
  'updated',
  'deleted',
]
const TEXTS = [
  '',
  '\0',
  '\uD800',
  "'; DROP TABLE x; --",
  '%',
  '\\',
  '🐘'.repeat(20),
  'x'.repeat(20_000),
  '2026-13-45T99:99:99Z',
  'NaN',
  '$.a[*] ? (@ > 1)',
]
const NUMBERS = [0, -1, 1e308, -0, 0.1, 2 ** 53, 99_999_999_999, 1e21]

export function hostileInput(random: Random, genuine: Genuine): HostileInput {
  if (random.chance(0.05)) return stolenStream(random, genuine)
  const isPost = random.chance(0.4)
  const headers: Record<string, string> = random.chance(0.5)
    ? { accept: 'text/event-stream' }
    : { accept: random.pick(['application/json', '*/*', 'text/html;q=0.1', '']) }
  if (random.chance(0.4)) headers['last-event-id'] = asHeader(bent(random, random.pick(genuine.positions)))
  if (random.chance(0.1)) headers['content-type'] = random.pick(['text/plain', 'multipart/form-data', 'application/x-www-form-urlencoded'])
  const isMint = isPost && random.chance(0.2)
  if (isPost && !isMint) {
    const body = hostileBody(random, genuine)
    return { method: 'POST', path: random.chance(0.9) ? '' : '/note', search: '', headers, body, awaits: body.includes('"queries":[]') ? 0 : 1 }
  }
  const path = `/${modelName(random)}/${operationName(random)}${random.chance(0.05) ? '/more' : ''}`
  const search = new URLSearchParams()
  if (random.chance(0.8)) search.set('q', hostileJson(random))
  if (random.chance(0.3)) search.set('meta', random.chance(0.5) ? hostileJson(random) : JSON.stringify({ serialization: hostileMeta(random) }))
  if (random.chance(0.2)) search.set('lastEventId', bent(random, random.pick(genuine.positions)))
  if (random.chance(0.3)) search.set('access', hostileAccess(random, genuine))
  return {
    method: isMint ? 'POST' : random.chance(0.95) ? 'GET' : random.pick(['PUT', 'DELETE', 'PATCH', 'OPTIONS']),
    path,
    search: `?${search.toString()}`,
    headers,
    body: undefined,
    awaits: 1,
  }
}

/** Whole, or some of it; sometimes with the ticket of another query, or one's own. */
function stolenStream(random: Random, { tickets, stolen }: Genuine): HostileInput {
  const some = stolen.queries.filter(() => random.chance(0.5))
  const queries = (some.length > 0 ? some : stolen.queries).map((query) => (random.chance(0.2) ? { ...query, ticket: random.pick(tickets) } : query))
  const body = JSON.stringify({ ...stolen, queries })
  return { method: 'POST', path: '', search: '', headers: { accept: 'text/event-stream' }, body, awaits: queries.length, isStolen: true }
}

function hostileBody(random: Random, genuine: Genuine): string {
  if (random.chance(0.1)) return hostileJson(random)
  const queries = Array.from({ length: random.chance(0.02) ? 300 : 1 + random.whole(3) }, () => ({
    model: random.chance(0.9) ? modelName(random) : hostileValue(random, 2),
    operation: random.chance(0.9) ? operationName(random) : hostileValue(random, 2),
    args: random.chance(0.8) ? hostileArgs(random) : hostileValue(random, 3),
    ...(random.chance(0.3) ? { meta: hostileMeta(random) } : {}),
    ...(random.chance(0.4) ? { ticket: random.chance(0.9) ? bent(random, random.pick(genuine.tickets)) : hostileValue(random, 1) } : {}),
  }))
  const lastEventId = random.chance(0.5)
    ? { lastEventId: random.chance(0.9) ? bent(random, random.pick(genuine.positions)) : hostileValue(random, 1) }
    : {}
  return JSON.stringify({ ...lastEventId, queries: random.chance(0.95) ? queries : hostileValue(random, 3) })
}

function hostileJson(random: Random): string {
  if (random.chance(0.03)) return `${'['.repeat(5_000)}${']'.repeat(5_000)}`
  if (random.chance(0.03)) return `${'{"AND":'.repeat(3_000)}{}${'}'.repeat(3_000)}`
  if (random.chance(0.05)) return random.pick(['{', '[1,', 'undefined', '{"a":1}}', '', '\0'])
  return JSON.stringify(random.chance(0.8) ? hostileArgs(random) : hostileValue(random, 4))
}

function modelName(random: Random): string {
  return random.pick(random.chance(0.7) ? TRUE_MODELS : MODELS)
}

function operationName(random: Random): string {
  return random.pick(random.chance(0.7) ? LIVE_OPERATIONS : OPERATIONS)
}

function hostileArgs(random: Random): unknown {
  if (random.chance(0.5)) return nearlyRightArgs(random)
  return Object.fromEntries(Array.from({ length: 1 + random.whole(3) }, () => [random.pick(ARGS), hostileValue(random, 4)]))
}

/** Fields and operators that exist, with values that may not fit: much of it reaches the database. */
function nearlyRightArgs(random: Random): unknown {
  const order = random.chance(0.9) ? random.pick(['asc', 'desc']) : hostileValue(random, 1)
  const size = random.chance(0.8) ? random.whole(5) : random.pick(NUMBERS)
  return {
    ...(random.chance(0.8) ? { where: nearlyRightWhere(random, 3) } : {}),
    ...(random.chance(0.3) ? { orderBy: { [random.pick(FIELDS)]: order } } : {}),
    ...(random.chance(0.2) ? { [random.pick(['take', 'skip'])]: size } : {}),
    ...(random.chance(0.2) ? { [random.pick(['select', 'include', 'omit', '_count', '_max'])]: { [random.pick(FIELDS)]: true } } : {}),
    ...(random.chance(0.1) ? { [random.pick(['by', 'distinct'])]: [random.pick(FIELDS)] } : {}),
  }
}

function nearlyRightWhere(random: Random, depth: number): Record<string, unknown> {
  const field = random.pick(FIELDS)
  const value = random.chance(0.5) ? random.pick(['u1', 'no', 1, true, null, [], '2026-01-01T00:00:00Z']) : hostileValue(random, 1)
  if (depth === 0 || random.chance(0.3)) return { [field]: value }
  if (random.chance(0.5)) return { [field]: { [random.pick(OPERATORS)]: random.chance(0.3) ? nearlyRightWhere(random, depth - 1) : value } }
  const members = Array.from({ length: random.whole(3) }, () => nearlyRightWhere(random, depth - 1))
  return { [random.pick(['AND', 'OR', 'NOT'])]: members }
}

function hostileMeta(random: Random): unknown {
  const types = [
    'Date',
    'bigint',
    'undefined',
    ['custom', 'Decimal'],
    ['class', 'Object'],
    'regexp',
    'URL',
    ['typed-array', 'Uint8Array'],
    'set',
    'map',
    'Error',
  ]
  const paths = ['where', 'where.id', '__proto__.polluted', 'constructor.prototype.polluted', 'where.AND.0', '']
  return random.chance(0.8) ? { values: { [random.pick(paths)]: [random.pick(types)] }, v: 1 } : hostileValue(random, 3)
}

function hostileValue(random: Random, depth: number): unknown {
  const kind = random.whole(depth > 0 ? 8 : 5)
  if (kind === 0) return random.pick(TEXTS)
  if (kind === 1) return random.pick(NUMBERS)
  if (kind === 2) return random.pick([true, false, null])
  if (kind === 3) return random.pick(WORDS)
  if (kind === 4) return random.chance(0.02) ? Array.from({ length: 12_000 }, (_, index) => index) : []
  if (kind === 5) return Array.from({ length: random.whole(4) }, () => hostileValue(random, depth - 1))
  return Object.fromEntries(Array.from({ length: random.whole(4) }, () => [random.pick(WORDS), hostileValue(random, depth - 1)]))
}

/** A ticket, also one that names somebody else or lives for ever, under the signature of another. */
function hostileAccess(random: Random, { access }: Genuine): string {
  if (random.chance(0.6)) return bent(random, access)
  const [version = '', expiresAtMs = '', owner = '', subject = '', signature = ''] = access.split('~')
  const victim = Buffer.from(random.pick(['u1', 'mallory\0u1', '', '__proto__'])).toString('base64url')
  const parts = [random.pick([version, '2', '']), random.pick([expiresAtMs, '9e99', '-1', 'NaN']), owner, random.pick([subject, victim]), signature]
  return (random.chance(0.2) ? [...parts, random.pick(parts)] : parts).join('~')
}

/** A text that was given out, changed somewhere; or one that never was. */
function bent(random: Random, text: string): string {
  const at = random.whole(Math.max(1, text.length))
  const change = random.whole(7)
  if (change === 0) return text
  if (change === 1) return text.slice(0, at)
  if (change === 2) return text.slice(0, at) + random.pick(['A', '~', '.', '\0', '9', '-', 'é']) + text.slice(at + 1)
  if (change === 3) return text.split('~').toReversed().join('~')
  if (change === 4) return text.replace(/\d+-\d+/, '99999999999999999999-99999999999999999999')
  if (change === 5) return 'x'.repeat(random.whole(600))
  return random.pick(['1~~~~', '~', '.', '1~a~1~0-0~0~b.c', '0-0', '$', '-1', '18446744073709551616-0'])
}

/** HTTP itself takes nothing else. */
function asHeader(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '?')
}
