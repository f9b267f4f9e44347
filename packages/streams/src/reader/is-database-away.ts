/** Codes of Node's sockets and of Postgres that pass: a server that restarts, fails over, or has too many connections. */
const PASSING = /^(ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|08...|57P0[123]|53300|database_unavailable)$/

/** Whether an error, or what caused it, says that Postgres does not answer now. */
export function isDatabaseAway(error: unknown): boolean {
  for (let each: unknown = error; typeof each === 'object' && each !== null; each = Reflect.get(each, 'cause')) {
    const code: unknown = Reflect.get(each, 'code')
    if (typeof code === 'string' && PASSING.test(code)) return true
    // Each address of a host has an error of its own.
    if (each instanceof AggregateError && each.errors.some(isDatabaseAway)) return true
  }
  return false
}
