/** Codes of Node's sockets. */
const LOST_SOCKETS = ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN']

/** Of Postgres: it restarts or fails over, has too many connections, took too long, or canceled what stood in the way of others. */
const PASSING_STATES = /^(08...|57P0[123]|53300|57014|40001|40P01)$/

/** node-postgres and its pool give these no code. The commonest loss of all is among them. */
const LOST_CONNECTIONS =
  /^(Connection terminated|Client has encountered a connection error|timeout exceeded when trying to connect|timeout expired|Query read timeout)/

/** What an error, or what caused it, says that does not answer now and may do so again; `undefined` for errors that do not pass. */
export function whatIsAway(error: unknown): 'database' | 'log' | undefined {
  for (let each: unknown = error; typeof each === 'object' && each !== null; each = Reflect.get(each, 'cause')) {
    const code: unknown = Reflect.get(each, 'code')
    if (code === 'log_unavailable') return 'log'
    if (typeof code === 'string' && isPassing(code)) return 'database'
    if (each instanceof Error && LOST_CONNECTIONS.test(each.message)) return 'database'
    // Each address of a host has an error of its own.
    if (each instanceof AggregateError && each.errors.some((one) => whatIsAway(one) !== undefined)) return 'database'
  }
  return undefined
}

function isPassing(code: string): boolean {
  return code === 'database_unavailable' || LOST_SOCKETS.includes(code) || PASSING_STATES.test(code)
}
