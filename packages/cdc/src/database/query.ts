import pg from 'pg'
import { CaptureError } from '../errors.ts'
import { CAPTURE_LIMITS } from '../limits.ts'
import { connectionCure } from './connection-cure.ts'

export type Row = Record<string, unknown>
export type Query = (sql: string, parameters?: readonly unknown[]) => Promise<Row[]>

/** An ordinary connection for questions to the catalog, one at a time. Opened by the first question, and again after it broke. */
export interface Database {
  query: Query
  close(): Promise<void>
}

/** @param url - a direct connection string, the same as the capture's */
export function createDatabase(url: string): Database {
  let opening: Promise<pg.Client> | undefined
  let last: Promise<unknown> = Promise.resolve()
  let isClosed = false
  /** Only what is asked now: one that had to be left may end much later. */
  const forget = (connecting: Promise<pg.Client>): void => {
    if (opening === connecting) opening = undefined
  }
  const open = async (onGone: () => void): Promise<pg.Client> => {
    const client = createClient(url, {
      // The server gives up first, so that nothing goes on there that nobody waits for.
      ...withSettings(url, ['search_path=pg_catalog', `statement_timeout=${CAPTURE_LIMITS.databaseTimeoutMs}`]),
      application_name: 'zenstack-live',
      connectionTimeoutMillis: CAPTURE_LIMITS.databaseTimeoutMs,
      query_timeout: CAPTURE_LIMITS.databaseTimeoutMs * 2,
    })
    // The next question opens another one.
    client.on('error', onGone)
    client.on('end', onGone)
    await client.connect().catch((cause: unknown) => {
      throw connectionProblem(url, cause)
    })
    return client
  }
  const openOne = (): Promise<pg.Client> => {
    const mine = open(() => forget(mine))
    return mine
  }
  const ask = async (sql: string, parameters: readonly unknown[]): Promise<Row[]> => {
    // Nobody would close what it opens.
    if (isClosed) throw new CaptureError('The connection was closed.')
    opening ??= openOne()
    const mine = opening
    const client = await mine.catch((error: unknown) => {
      forget(mine)
      throw error
    })
    try {
      return (await client.query<Row>(sql, [...parameters])).rows
    } catch (error) {
      // Without a code it is not the server's answer: the connection is stuck or gone.
      if (!(error instanceof Error && 'code' in error)) {
        forget(mine)
        client.end().catch(() => undefined)
      }
      throw error
    }
  }
  return {
    query(sql, parameters = []) {
      const answer = last.then(() => ask(sql, parameters))
      last = answer.catch(() => undefined)
      return answer
    },
    async close() {
      isClosed = true
      const client = await opening?.catch(() => undefined)
      opening = undefined
      await client?.end().catch(() => undefined)
    },
  }
}

/** A client that is not connected yet. What it cannot make of the connection string, such as a file it names, is told as a failed connection is. */
export function createClient(url: string, config: pg.ClientConfig): pg.Client {
  try {
    return new pg.Client(config)
  } catch (cause) {
    throw connectionProblem(url, cause)
  }
}

/** The connection string with further settings of the session; its own `options` come first, so that these win. */
export function withSettings(url: string, settings: readonly string[]): { connectionString: string; options: string } {
  const ours = settings.map((setting) => `-c ${setting}`).join(' ')
  if (!URL.canParse(url)) return { connectionString: url, options: ours }
  const parsed = new URL(url)
  const given = parsed.searchParams.get('options')
  parsed.searchParams.delete('options')
  return { connectionString: parsed.href, options: given === null ? ours : `${given} ${ours}` }
}

/** What a failed connection means, in a sentence that never holds the password. */
export function connectionProblem(url: string, cause: unknown): CaptureError {
  const message = cause instanceof Error ? cause.message : String(cause)
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : ''
  if (/startup parameter|replication/i.test(message) && code === '08P01') {
    return CaptureError.of(
      {
        kind: 'pooler',
        severity: 'error',
        message: `${hostOf(url)} is a connection pooler; it does not pass on replication.`,
        cure: 'Give the capture a direct connection string: `database.url` in zenstack-live.config.ts.',
      },
      { cause },
    )
  }
  return CaptureError.of(
    {
      kind: 'unreachable',
      severity: 'error',
      message: `Postgres at ${hostOf(url)} does not accept the connection: ${message === '' ? code : message}.`,
      cure: connectionCure(cause),
    },
    { cause },
  )
}

/** Host, port and database of a connection string, without its secrets. */
export function hostOf(url: string): string {
  try {
    const { host, pathname } = new URL(url)
    return `${host === '' ? 'localhost' : host}${pathname}`
  } catch {
    return 'the given address'
  }
}
