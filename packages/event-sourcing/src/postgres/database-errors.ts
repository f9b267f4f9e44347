import { DuplicateEventError, EventSourcingError } from '../errors.ts'

const MAX_CAUSES = 8
const LOST = 'The connection to the database was lost. Whether the last statement was carried out is not known.'

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

/** node-postgres gives lost connections no code. */
function findsLostConnection(error: unknown): boolean {
  let current: unknown = error
  for (let depth = 0; depth < MAX_CAUSES && typeof current === 'object' && current !== null; depth++) {
    const message = text(Reflect.get(current, 'message')) ?? ''
    if (/^(Connection terminated|Client has encountered a connection error)/.test(message)) return true
    current = Reflect.get(current, 'cause')
  }
  return false
}

function isEventId({ constraint, detail }: SqlState): boolean {
  return detail?.startsWith('Key (id)=') === true || constraint?.endsWith('_pkey') === true
}

function isConnectionLoss(code: string): boolean {
  // Class 08, shutdown and crash of the server, and what Node and postgres-js call a lost socket.
  return (
    code.startsWith('08') ||
    ['57P01', '57P02', '57P03', 'ECONNRESET', 'ECONNREFUSED', 'EPIPE', 'CONNECTION_CLOSED', 'CONNECTION_ENDED', 'CONNECTION_DESTROYED'].includes(code)
  )
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
