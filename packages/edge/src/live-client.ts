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
  readonly $qb: { selectNoFrom(select: (builder: ExpressionBuilder) => unknown[]): { execute(): Promise<Record<string, unknown>[]> } }
  readonly [model: string]: unknown
}

/** The part of Kysely's expression builder that names a function's result. */
export interface ExpressionBuilder {
  fn(name: string, args: unknown[]): unknown
  cast(expression: unknown, type: string): { as(name: string): unknown }
}
