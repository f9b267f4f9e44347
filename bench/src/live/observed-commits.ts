import { openPool } from '@zenstack-live/testing'
import pg from 'pg'
import { rowsIn, type SeenRow } from './rows-in.ts'
import type { StudioPolicies } from './studio-policies.ts'
import { authOf, createStudio, USERS, type StudioSchema, type Auth, type BoundClient, type Profile, type SentQuery, type UserId } from './studio.ts'

/*
 * What a person may read is what the policy-bound client reads. The statement it sends depends on the schema, which stands, and on who
 * asks; compiling it costs ZenStack more than all the rest. So it is compiled once for each identity and model: text and parameters are
 * taken from the client's own log, and kept prepared.
 *
 * One message to Postgres holds several commits, and behind each of them the reads:
 *
 *   BEGIN; <changes>; COMMIT; <where the log ends, and who is what>; <everything each identity may read>; BEGIN; …
 */

/** What one commit left. */
export interface DatabaseState {
  /** Where the write-ahead log ended. */
  readonly end: bigint
  /** Everything that each person may read, as text. */
  readonly readable: ReadonlyMap<UserId, string>
  /** The same, row by row. */
  readonly rows: ReadonlyMap<UserId, readonly SeenRow[]>
  /** What there is of the models whose changes are told, and of memberships, whoever may read it. */
  readonly all: readonly SeenRow[]
}

/** What a person may read, and what is kept from them. */
export interface Readable {
  /** Row by row, with those inside. */
  readonly seen: readonly SeenRow[]
  readonly rows: number
  readonly deniedRows: number
  /** Fields of rows that are read. */
  readonly deniedFields: number
}

export interface ObservedCommits {
  /** How many transactions were sent off so far. What an edge has told is of these. */
  readonly begun: number
  /** Commits each of these, one at a time, and reads after each, before the next. */
  commit(transactions: readonly string[]): Promise<DatabaseState[]>
  /** What a person may read, as the policy-bound client says when it is asked anew. Must agree with the last state. */
  askAnew(user: UserId): Promise<Readable>
  close(): Promise<void>
}

/** What tells rows apart: members are known by their space and their user. */
type ReadRow = { readonly id?: string | null; readonly spaceId?: string | null; readonly userId?: string | null }

export const EVERYBODY: readonly UserId[] = [...USERS, 'nobody']

/** Of which model, and how. */
type Read = readonly [model: string, ask: (client: BoundClient) => Promise<readonly ReadRow[]>]

const READS: readonly Read[] = [
  ['User', (client) => client.user.findMany()],
  ['Space', (client) => client.space.findMany()],
  ['Member', (client) => client.member.findMany()],
  ['Task', (client) => client.task.findMany()],
  ['Comment', (client) => client.comment.findMany()],
  ['Note', (client) => client.note.findMany()],
  ['Tag', (client) => client.tag.findMany()],
  ['Asset', (client) => client.asset.findMany()],
  ['Picture', (client) => client.picture.findMany()],
  ['Memo', (client) => client.memo.findMany()],
]

/** Relations that only worlds with policies of their own have, and rules that go through them. */
const THROUGH_FAMILY = /\bparent(?:\.| [=!]=)|\bparts[?!^]/
const FAMILY: object = { parent: true, parts: true }
/**
 * Tasks inside other rows. Where a rule of theirs goes through their own table (`parent.ownerId`, `parts?[…]`), ZenStack's subquery at the top loses the row that it
 * is asked about, and the one inside does not: the same person reads more of them there.
 */
const READS_OF_TASKS_INSIDE: readonly Read[] = [
  ['Space', (client) => client.space.findMany({ include: { tasks: true } })],
  ['User', (client) => client.user.findMany({ include: { tasks: true } })],
  ['Tag', (client) => client.tag.findMany({ include: { tasks: true } })],
  ['Comment', (client) => client.comment.findMany({ include: { task: true } })],
  ['Task', (client) => client.task.findMany({ include: FAMILY })],
]

/** Of one world, those that are there are a few hundred. */
const MAX_SEEN = 10_000

const READS_OF_ALL: readonly Read[] = READS.filter(([model]) => ['Task', 'Comment', 'Note', 'Member'].includes(model))

const END = 'end_of_log'
const END_AND_PROFILES = `SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::text AS ${END},
  (SELECT json_object_agg(id, json_build_object('role', role, 'level', level, 'homeId', "homeId", 'labels', labels)) FROM "User")`
/** Values stay as Postgres writes them. */
const AS_WRITTEN = { getTypeParser: () => (text: string | Buffer) => text }

export async function openObservedCommits(url: string, { schema, profiles, time, text: rules }: StudioPolicies): Promise<ObservedCommits> {
  const observed = THROUGH_FAMILY.test(rules) ? [...READS, ...READS_OF_TASKS_INSIDE] : READS
  const connection = new pg.Client(url)
  connection.on('error', () => {})
  await connection.connect()
  // Who truncates and who reads several tables may wait for each other: an edge has to bear being turned away.
  await connection.query("SET plan_cache_mode = force_generic_plan; SET deadlock_timeout = '1min'")
  const pool = openPool({ connectionString: url, max: 2 })
  const sent: SentQuery[] = []
  const { db, clientAs, clientOf } = createStudio(schema, pool, (query) => sent.push(query))

  const identities: readonly Auth[] = [...USERS.flatMap((user) => profiles[user].map((profile) => authOf(user, profile))), undefined]
  const executes = await prepareReads({
    asks: [...asksOf(READS_OF_ALL, db), ...identities.flatMap((auth) => asksOf(observed, clientAs(auth)))],
    sent,
    prepare: async ({ name, sql, parameters }) => void (await connection.query({ name, text: atAnyTime(sql, time), values: [...parameters] })),
  })
  const observation = [END_AND_PROFILES, ...executes].join(';')
  let begun = 0

  const stateOf = stateReader({ schema, observed, identities })

  return {
    get begun() {
      return begun
    },
    async commit(transactions) {
      begun += transactions.length
      const text = transactions.map((changes) => `BEGIN;${changes};COMMIT;${observation}`).join(';')
      // A message of several statements has several results; the types know of one.
      const results = (await connection.query({ text, rowMode: 'array', types: AS_WRITTEN })) as unknown as pg.QueryArrayResult[]
      const starts = results.flatMap(({ fields }, index) => (fields[0]?.name === END ? [index] : []))
      return starts.map((start) => stateOf(results.slice(start, start + 1 + executes.length)))
    },
    async askAnew(user) {
      const client = await clientOf(user)
      const [seen, all] = await Promise.all([client, db].map((each) => Promise.all(observed.map(([, ask]) => ask(each)))))
      const rows = (seen ?? []).flatMap((ofModel, index) => ofModel.flatMap((row) => rowsIn(schema, observed[index]?.[0] ?? '', row)))
      return { ...readableOf(seen ?? [], all ?? []), seen: rows }
    },
    async close() {
      await connection.end()
      await pool.end()
    },
  }
}

interface Preparation {
  readonly asks: readonly (() => Promise<unknown>)[]
  /** Where the client's log leaves what it sends. */
  readonly sent: SentQuery[]
  prepare(statement: SentQuery & { readonly name: string }): Promise<void>
}

const asksOf = (reads: readonly Read[], client: BoundClient): Preparation['asks'] =>
  reads.map(
    ([, ask]) =>
      () =>
        ask(client),
  )

/** @returns the statements by which each of these is asked again */
async function prepareReads({ asks, sent, prepare }: Preparation): Promise<string[]> {
  const executes: string[] = []
  for (const ask of asks) {
    sent.length = 0
    await ask()
    const [query] = sent
    if (query === undefined || sent.length > 1) throw new Error(`The policy-bound client sent ${sent.length} statements for one read.`)
    const name = `read_${executes.length}`
    await prepare({ name, ...query })
    executes.push(`EXECUTE ${name}${query.parameters.length === 0 ? '' : `(${query.parameters.map(literalOf).join(', ')})`}`)
  }
  return executes
}

/** @param all - what there is of each of them */
function readableOf(seen: readonly (readonly ReadRow[])[], all: readonly (readonly ReadRow[])[]): Omit<Readable, 'seen'> {
  let [rows, deniedRows, deniedFields] = [0, 0, 0]
  for (const [index, there] of all.entries()) {
    const seenById = new Map(seen[index]?.map((row) => [keyOf(row), row]))
    for (const row of there) {
      const shown = seenById.get(keyOf(row))
      if (shown === undefined) deniedRows++
      else {
        rows++
        for (const [name, value] of Object.entries(row)) if (value !== null && Reflect.get(shown, name) === null) deniedFields++
      }
    }
  }
  return { rows, deniedRows, deniedFields }
}

/** As frames say it. */
function keyOf({ id, spaceId, userId }: ReadRow): string {
  return id === undefined ? JSON.stringify([spaceId, userId]) : String(id)
}

/** Reads what the observation's statements returned, in their order. */
function stateReader({
  schema,
  observed,
  identities,
}: {
  schema: StudioSchema
  observed: readonly Read[]
  identities: readonly Auth[]
}): (results: readonly pg.QueryArrayResult[]) => DatabaseState {
  const keys = identities.map((auth) => JSON.stringify(auth))
  const rowsOf = rowReader(schema)
  const allRows = (results: readonly pg.QueryArrayResult[], asked: readonly Read[]): SeenRow[] =>
    results.flatMap((result, index) => rowsOf(asked[index]?.[0] ?? '', result))
  return ([first, ...reads]) => {
    const [end, present] = (first?.rows[0] ?? []) as string[]
    const profileOf = JSON.parse(present ?? '{}') as Record<string, Profile>
    const answers = EVERYBODY.map((user) => {
      const from = READS_OF_ALL.length + keys.indexOf(JSON.stringify(authOf(user, profileOf[user]))) * observed.length
      return { user, results: reads.slice(from, from + observed.length) }
    })
    return {
      end: BigInt(end ?? 0),
      readable: new Map(answers.map(({ user, results }) => [user, textOf(results.map(({ rows }) => rows))])),
      rows: new Map(answers.map(({ user, results }) => [user, allRows(results, observed)])),
      all: allRows(reads.slice(0, READS_OF_ALL.length), READS_OF_ALL),
    }
  }
}

/** Of a model's result. Most rows are as they were, and are taken apart once only. */
function rowReader(schema: StudioSchema): (model: string, result: pg.QueryArrayResult) => readonly SeenRow[] {
  const seen = new Map<string, readonly SeenRow[]>()
  return (model, { fields, rows }) =>
    rows.flatMap((row) => {
      const text = JSON.stringify([model, fields.length, row])
      const known = seen.get(text) ?? rowsIn(schema, model, Object.fromEntries(fields.map(({ name }, index) => [name, row[index] as unknown])))
      if (seen.size > MAX_SEEN) seen.clear()
      seen.set(text, known)
      return known
    })
}

/** Where rows appear by time alone, with those that soon will; where they vanish, with those that did. */
function atAnyTime(sql: string, time: StudioPolicies['time']): string {
  if (time === undefined) return sql
  return sql.replaceAll(/\bnow\(\)|\bCURRENT_TIMESTAMP\b/gi, `(now() ${time === 'appears' ? '+' : '-'} interval '1 day')`)
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
