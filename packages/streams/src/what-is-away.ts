import { errorCodeOf } from '@zenstack-live/protocol'

/** Codes of Node's sockets and of Postgres that pass: a server that restarts, fails over, or has too many connections. */
const PASSING = /^(ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|08...|57P0[123]|53300|database_unavailable|log_unavailable)$/

/** What an error, or what caused it, says that does not answer now and may do so again; `undefined` for errors that do not pass. */
export function whatIsAway(error: unknown): 'database' | 'log' | undefined {
  if (errorCodeOf(error) === 'log_unavailable') return 'log'
  for (let each: unknown = error; typeof each === 'object' && each !== null; each = Reflect.get(each, 'cause')) {
    const code: unknown = Reflect.get(each, 'code')
    if (typeof code === 'string' && PASSING.test(code)) return code === 'log_unavailable' ? 'log' : 'database'
    // Each address of a host has an error of its own.
    if (each instanceof AggregateError && each.errors.some((one) => whatIsAway(one) !== undefined)) return 'database'
  }
  return undefined
}
