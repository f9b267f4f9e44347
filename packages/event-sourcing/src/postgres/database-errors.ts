import { DuplicateEventError, EventSourcingError } from '../errors.ts'

const MAX_CAUSES = 8
const LOST = 'The database did not answer, or the connection to it was lost. Whether the last statement was carried out is not known.'

/** Shutdown and crash of the server, or too many connections to it, beside all of class 08. */
const LOST_STATES = ['57P01', '57P02', '57P03', '53300']
/** What Node calls a lost socket, or a host that cannot be found for now. */
const LOST_SOCKETS = ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN']
/** What postgres-js calls them. */
const LOST_IN_POSTGRES_JS = ['CONNECTION_CLOSED', 'CONNECTION_ENDED', 'CONNECTION_DESTROYED', 'CONNECT_TIMEOUT']
const LOST_CODES: ReadonlySet<string> = new Set([...LOST_STATES, ...LOST_SOCKETS, ...LOST_IN_POSTGRES_JS])

/** node-postgres and its pool give these no code. */
const LOST_CONNECTIONS =
  /^(Connection terminated|Client has encountered a connection error|timeout exceeded when trying to connect|timeout expired|Query read timeout)/

/** An error of the database as this package's own where a caller would act differently; else the same error. */
export function toEventSourcingError(error: unknown): unknown {
  if (error instanceof EventSourcingError) return error
  const options = { cause: error }
  const found = findSqlState(error)
  if (found === undefined) return findsLostConnection(error) ? new EventSourcingError('connection_lost', LOST, options) : error
  switch (found.code) {
    case '40P01':
      return new EventSourcingError('deadlock', 'The database ended this transaction to resolve a deadlock. Nothing was stored.', options)
    case '40001':
      return new EventSourcingError('serialization_failure', 'The database could not serialize this transaction. Nothing was stored.', options)
    case '23505':
      return isEventId(found)
        ? new DuplicateEventError(
            'duplicate_event',
            `An event with this id is stored already (${found.detail ?? 'duplicate key'}). Nothing was stored.`,
            options,
          )
        : error
    default:
      return isConnectionLoss(found.code) ? new EventSourcingError('connection_lost', LOST, options) : error
  }
}

interface SqlState {
  readonly code: string
  readonly constraint: string | undefined
  readonly detail: string | undefined
}

/** Newer versions of Drizzle wrap the driver's error. */
function findSqlState(error: unknown): SqlState | undefined {
  let current: unknown = error
  for (let depth = 0; depth < MAX_CAUSES && typeof current === 'object' && current !== null; depth++) {
    const code: unknown = Reflect.get(current, 'code')
    if (typeof code === 'string') {
      return {
        code,
        constraint: text(Reflect.get(current, 'constraint') ?? Reflect.get(current, 'constraint_name')),
        detail: text(Reflect.get(current, 'detail')),
      }
    }
    current = Reflect.get(current, 'cause')
  }
  return undefined
}

function findsLostConnection(error: unknown): boolean {
  let current: unknown = error
  for (let depth = 0; depth < MAX_CAUSES && typeof current === 'object' && current !== null; depth++) {
    const message = text(Reflect.get(current, 'message')) ?? ''
    if (LOST_CONNECTIONS.test(message)) return true
    current = Reflect.get(current, 'cause')
  }
  return false
}

function isEventId({ constraint, detail }: SqlState): boolean {
  return detail?.startsWith('Key (id)=') === true || constraint?.endsWith('_pkey') === true
}

function isConnectionLoss(code: string): boolean {
  return code.startsWith('08') || LOST_CODES.has(code)
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
