import pg from 'pg'
import { authOf, createStudio, ROLES, USERS, type Auth, type BoundClient, type SentQuery, type UserId } from './studio.ts'

/*
 * What a person may read is what the policy-bound client reads. The statement it sends depends on the schema, which stands, and on who
 * asks; compiling it costs ZenStack more than all the rest. So it is compiled once for each identity and model: text and parameters are
 * taken from the client's own log, and kept prepared.
 *
 * One message to Postgres holds several commits, and behind each of them the reads:
 *
 *   BEGIN; <changes>; COMMIT; <where the log ends, and the roles>; <everything each identity may read>; BEGIN; …
 */

/** What one commit left. */
export interface DatabaseState {
  /** Where the write-ahead log ended. */
  readonly end: bigint
  /** Everything that each person may read, as text. */
  readonly readable: ReadonlyMap<UserId, string>
}

export interface ObservedCommits {
  /** Commits each of these, one at a time, and reads after each, before the next. */
  commit(transactions: readonly string[]): Promise<DatabaseState[]>
  /** What a person may read, as the policy-bound client says when it is asked anew. Must agree with the last state. */
  askAnew(user: UserId): Promise<string>
  close(): Promise<void>
}

export const EVERYBODY: readonly UserId[] = [...USERS, 'nobody']

const READS: readonly ((client: BoundClient) => Promise<unknown>)[] = [
  (client) => client.user.findMany(),
  (client) => client.space.findMany(),
  (client) => client.task.findMany(),
  (client) => client.comment.findMany(),
  (client) => client.note.findMany(),
  (client) => client.tag.findMany(),
  (client) => client.picture.findMany(),
  (client) => client.memo.findMany(),
]

const END = 'end_of_log'
const END_AND_ROLES = `SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::text AS ${END}, (SELECT json_object_agg(id, role) FROM "User")`
/** Values stay as Postgres writes them. */
const AS_WRITTEN = { getTypeParser: () => (text: string | Buffer) => text }

export async function openObservedCommits(url: string): Promise<ObservedCommits> {
  const connection = new pg.Client(url)
  connection.on('error', () => {})
  await connection.connect()
  // Who truncates and who reads several tables may wait for each other: an edge has to bear being the one that is turned away.
  await connection.query("SET plan_cache_mode = force_generic_plan; SET deadlock_timeout = '1min'")
  const pool = new pg.Pool({ connectionString: url, max: 2 })
  pool.on('error', () => {})
  const sent: SentQuery[] = []
  const { clientAs, clientOf } = createStudio(pool, (query) => sent.push(query))

  const identities: readonly Auth[] = [...USERS.flatMap((user) => ROLES.map((role) => authOf(user, role))), undefined]
  const keys = identities.map((auth) => JSON.stringify(auth))
  const executes: string[] = []
  for (const auth of identities) {
    for (const read of READS) {
      sent.length = 0
      await read(clientAs(auth))
      const [query] = sent
      if (query === undefined || sent.length > 1) throw new Error(`The policy-bound client sent ${sent.length} statements for one read.`)
      const name = `read_${executes.length}`
      await connection.query({ name, text: query.sql, values: [...query.parameters] })
      executes.push(`EXECUTE ${name}${query.parameters.length === 0 ? '' : `(${query.parameters.map(literalOf).join(', ')})`}`)
    }
  }
  const observation = [END_AND_ROLES, ...executes].join(';')

  /** @param results - of the observation's statements, in their order */
  const stateOf = ([first, ...reads]: readonly pg.QueryArrayResult[]): DatabaseState => {
    const [end, roles] = (first?.rows[0] ?? []) as string[]
    const roleOf: Record<string, string> = JSON.parse(roles ?? '{}')
    const readable = EVERYBODY.map((user): [UserId, string] => {
      const from = keys.indexOf(JSON.stringify(authOf(user, roleOf[user]))) * READS.length
      return [user, textOf(reads.slice(from, from + READS.length).map(({ rows }) => rows))]
    })
    return { end: BigInt(end ?? 0), readable: new Map(readable) }
  }

  return {
    async commit(transactions) {
      const text = transactions.map((changes) => `BEGIN;${changes};COMMIT;${observation}`).join(';')
      // A message of several statements has several results; the types know of one.
      const results = (await connection.query({ text, rowMode: 'array', types: AS_WRITTEN })) as unknown as pg.QueryArrayResult[]
      const starts = results.flatMap(({ fields }, index) => (fields[0]?.name === END ? [index] : []))
      return starts.map((start) => stateOf(results.slice(start, start + 1 + executes.length)))
    },
    async askAnew(user) {
      const client = await clientOf(user)
      return textOf(await Promise.all(READS.map((read) => read(client))))
    },
    async close() {
      await connection.end()
      await pool.end()
    },
  }
}

function textOf(answers: unknown): string {
  return JSON.stringify(answers, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))
}

/** As the driver would bind it: of the type that the statement expects there. */
function literalOf(value: unknown): string {
  if (value === null) return 'NULL'
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return pg.escapeLiteral(String(value))
  throw new TypeError(`A parameter of a read is ${typeof value}.`)
}
