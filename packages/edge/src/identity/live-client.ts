import type { SchemaDef } from '@zenstackhq/schema'

/**
 * What the edge needs of a ZenStack client: any `ClientContract`, of whatever schema.
 * Only these members are read; the user's client itself never answers a live query.
 */
export interface LiveClient {
  readonly $schema: SchemaDef
  readonly $options: object
  readonly $auth?: unknown
}

/** A ZenStack client on the edge's own pool, with the user's options and identity. */
export interface EdgeClient extends LiveClient {
  $setAuth(auth: unknown): EdgeClient
  $transaction<Result>(run: (transaction: EdgeTransaction) => Promise<Result>, options: { isolationLevel: 'repeatable read' }): Promise<Result>
}

/** The client inside a transaction: models by name, and a query builder on the same connection. */
export interface EdgeTransaction {
  readonly $qb: QueryBuilder
  readonly [model: string]: unknown
}

/** The part of Kysely that is used: selects that the policy plugin lets pass. */
export interface QueryBuilder {
  selectNoFrom(select: (builder: ExpressionBuilder) => unknown[]): Executable
  selectFrom(model: string): {
    select(select: (builder: ExpressionBuilder) => unknown[]): { where(field: string, operator: 'in', values: unknown[]): Executable }
  }
}

export interface ExpressionBuilder {
  fn(name: string, args: unknown[]): Aliasable
  cast(expression: unknown, type: string): Aliasable
  ref(name: string): Aliasable
  val(value: unknown): unknown
}

interface Executable {
  execute(): Promise<Record<string, unknown>[]>
}

interface Aliasable {
  as(name: string): unknown
}
