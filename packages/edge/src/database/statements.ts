import { AsyncLocalStorage } from 'node:async_hooks'
import { createHash } from 'node:crypto'
import type { Limits } from '@zenstack-live/protocol'
import type { AnyPlugin } from '@zenstackhq/orm'
import type { PostgresDialect, PostgresDialectConfig } from '@zenstackhq/orm/dialects/postgres'
import { SelectQueryNode } from 'kysely'
import type { EdgeClient } from '../identity/live-client.ts'
import type { Metrics } from '../operations/metrics.ts'
import { argsText } from './args-text.ts'
import type { Question } from './asker.ts'
import { ReplacingDialect, type Statement } from './replacing-dialect.ts'

/*
 * ZenStack makes its SQL anew for each call: policies woven in, names mapped, compiled. Where the same is asked again with every change, that
 * takes longer than all else. So the statement is kept, and said again:
 *
 *   first time     ZenStack's way; a digest of its statement is kept
 *   second time    ZenStack's way; is it the same, at another moment, the statement itself is kept
 *   from then on   an empty query goes ZenStack's way, and the statement is sent in its place
 *
 * It belongs to one question of one client, which stands for one identity, and is never said for another.
 */

/** What is known of a question of a client. */
interface Kept {
  /** Of the one statement that it took when it was asked last, and when that was, by `performance.now()`. */
  digest?: string
  madeAtMs?: number
  statement?: Statement
}

/** A question on its way through ZenStack. */
interface Asking {
  readonly known: Statement | undefined
  /** Queries that ZenStack began for it. */
  queries: number
  /** The known statement takes the place of the next one that is sent. */
  isRepeating: boolean
  /** Statements that were sent for it. */
  readonly sent: Statement[]
}

/** The plugin's id, among those that change nothing of what is read. */
export const STATEMENTS_PLUGIN = 'zenstack-live-statements'

/** Statements of a moment within which a clock in them might not have moved on. */
const MOMENT_MS = 5
/** Beside its parameters' text: about what the objects around it take. */
const STATEMENT_BYTES = 256
const NOTHING = SelectQueryNode.create()

export interface StatementsOptions {
  limits: Pick<Limits, 'maxStatementBytes'>
  metrics: Pick<Metrics, 'statementsRepeated'>
}

/** SQL that ZenStack made for questions that are asked again: up to `maxStatementBytes` of it, those that were not asked for longest go first. */
export class Statements {
  readonly #options: StatementsOptions
  readonly #asking = new AsyncLocalStorage<Asking>()
  readonly #ofClients = new WeakMap<EdgeClient, WeakMap<Question, Kept>>()
  /** Those with a statement, and what it takes; the one asked last is the last. */
  readonly #sizes = new Map<Kept, number>()
  #bytes = 0

  constructor(options: StatementsOptions) {
    this.#options = options
  }

  /** For clients whose statements may be kept: those that ZenStack alone makes. It has to be the last. */
  readonly plugin: AnyPlugin = {
    id: STATEMENTS_PLUGIN,
    onKyselyQuery: ({ query, proceed }) => {
      const asking = this.#asking.getStore()
      if (asking === undefined) return proceed(query)
      asking.queries++
      asking.isRepeating = asking.known !== undefined && asking.queries === 1
      return proceed(asking.isRepeating ? NOTHING : query)
    },
  }

  /** Of the clients that have the plugin. */
  createDialect(config: PostgresDialectConfig): PostgresDialect {
    return new ReplacingDialect(config, (statement) => this.#toSend(statement))
  }

  /** @param ask - calls ZenStack once */
  async ask<Answer>(client: EdgeClient, question: Question, ask: () => Promise<Answer>): Promise<Answer> {
    const kept = this.#of(client, question)
    const asking: Asking = { known: kept.statement, queries: 0, isRepeating: false, sent: [] }
    const answer = await this.#asking.run(asking, async () => await ask())
    if (asking.known === undefined) this.#learn(kept, asking)
    else this.#touch(kept)
    return answer
  }

  #of(client: EdgeClient, question: Question): Kept {
    let ofClient = this.#ofClients.get(client)
    if (ofClient === undefined) this.#ofClients.set(client, (ofClient = new WeakMap()))
    let kept = ofClient.get(question)
    if (kept === undefined) ofClient.set(question, (kept = {}))
    return kept
  }

  #toSend(statement: Statement): Statement {
    const asking = this.#asking.getStore()
    if (asking === undefined) return statement
    if (asking.isRepeating && asking.known !== undefined) {
      asking.isRepeating = false
      this.#options.metrics.statementsRepeated++
      return asking.known
    }
    asking.sent.push(statement)
    return statement
  }

  #learn(kept: Kept, { queries, sent }: Asking): void {
    const [statement] = sent
    // Another who asked at the same time may have learned it.
    if (kept.statement !== undefined || queries !== 1 || sent.length !== 1 || statement === undefined) return
    const parameters = argsText(statement.parameters)
    const digest = createHash('sha256').update(`${statement.sql}\0${parameters}`).digest('base64url')
    const atMs = performance.now()
    const isSame = digest === kept.digest && atMs - (kept.madeAtMs ?? atMs) > MOMENT_MS
    if (digest !== kept.digest) [kept.digest, kept.madeAtMs] = [digest, atMs]
    if (!isSame) return
    kept.statement = { sql: statement.sql, parameters: statement.parameters }
    const bytes = statement.sql.length + parameters.length + STATEMENT_BYTES
    this.#sizes.set(kept, bytes)
    this.#bytes += bytes
    for (const [oldest, size] of this.#sizes) {
      if (this.#bytes <= this.#options.limits.maxStatementBytes) return
      delete oldest.statement
      this.#sizes.delete(oldest)
      this.#bytes -= size
    }
  }

  #touch(kept: Kept): void {
    const size = this.#sizes.get(kept)
    if (size === undefined) return
    this.#sizes.delete(kept)
    this.#sizes.set(kept, size)
  }
}
