import type { CompiledQuery, DatabaseConnection, OperationNode, QueryResult } from 'kysely'

/*
 * Compiling its statements costs ZenStack more than all the rest of a world: the same people ask the same again and again. So what a client
 * makes of a statement is kept, by its options, who asks, the statement and its parameters. Now and then one is made again, and must be the
 * same. Whoever reads still asks the database each time. Edges keep theirs in their own way, which is among what is tested.
 */

interface Client {
  readonly $options: { readonly dialect: object }
  readonly $auth: unknown
}

/** What ZenStack's executor is made of, as far as it matters here: none of it is public. */
interface Executor {
  readonly client: Client
  executeQuery(query: CompiledQuery): Promise<QueryResult<unknown>>
  proceedQueryWithKyselyInterceptors(connection: DatabaseConnection, node: OperationNode, ...rest: unknown[]): Promise<QueryResult<unknown>>
}

/** Statements of one client; a world has some hundred. */
const MAX_KEPT = 5_000
/** Every so many uses. */
const MADE_AGAIN_EVERY = 16

const patched = new WeakSet<object>()
/** Of the clients whose statements are kept; an edge's has another. */
const dialects = new WeakSet<object>()

/**
 * For all clients of this one's dialect.
 *
 * @throws {Error} from then on, when a client makes different statements of the same question
 */
export function compileOnce(client: Pick<Client, '$options'> & { readonly $qb: { getExecutor(): object } }): void {
  dialects.add(client.$options.dialect)
  const prototype = Object.getPrototypeOf(client.$qb.getExecutor()) as Executor
  if (patched.has(prototype)) return
  patched.add(prototype)
  const { executeQuery, proceedQueryWithKyselyInterceptors: proceed } = prototype
  if (typeof proceed !== 'function') throw new TypeError('ZenStack compiles its statements elsewhere now.')
  /** What was asked, before policies are in it. */
  const asked = new WeakMap<OperationNode, string>()
  const keptBy = new WeakMap<object, Map<string, CompiledQuery>>()
  let uses = 0

  prototype.executeQuery = function (query) {
    if (query.query.kind === 'SelectQueryNode' && dialects.has(this.client.$options.dialect))
      asked.set(query.query, `${query.sql} ${textOf(query.parameters)}`)
    return executeQuery.call(this, query)
  }
  prototype.proceedQueryWithKyselyInterceptors = async function (connection, node, ...rest) {
    const question = asked.get(node)
    if (question === undefined) return proceed.call(this, connection, node, ...rest)
    const { $options, $auth } = this.client
    const kept = keptBy.get($options) ?? new Map<string, CompiledQuery>()
    keptBy.set($options, kept)
    const key = `${textOf($auth)} ${question}`
    const known = kept.get(key)
    if (known !== undefined && ++uses % MADE_AGAIN_EVERY > 0) return connection.executeQuery(known)
    const sent: CompiledQuery[] = []
    const result = await proceed.call(this, noting(connection, sent), node, ...rest)
    const [compiled] = sent
    if (compiled === undefined || sent.length > 1) throw new Error(`ZenStack sent ${sent.length} statements for one read.`)
    if (known !== undefined && written(known) !== written(compiled)) throw new Error(`ZenStack makes two statements of ${key}.`)
    if (kept.size >= MAX_KEPT) kept.clear()
    kept.set(key, compiled)
    return result
  }
}

function noting(connection: DatabaseConnection, sent: CompiledQuery[]): DatabaseConnection {
  return {
    executeQuery: (query) => (sent.push(query), connection.executeQuery(query)),
    streamQuery: (query, chunkSize) => connection.streamQuery(query, chunkSize),
  }
}

function written({ sql, parameters }: CompiledQuery): string {
  return `${sql} ${textOf(parameters)}`
}

/** Values with their types. */
function textOf(value: unknown): string {
  return JSON.stringify(value, function (this: unknown, name, plain: unknown) {
    const own: unknown = Reflect.get(Object(this), name)
    if (typeof own === 'bigint') return `bigint ${own}`
    if (typeof own !== 'object' || own === null || Array.isArray(own) || Object.getPrototypeOf(own) === Object.prototype) return plain
    return `${own.constructor.name} ${String(plain)}`
  })
}
