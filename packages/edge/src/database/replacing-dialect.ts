import { PostgresDialect, type PostgresDialectConfig } from '@zenstackhq/orm/dialects/postgres'
import type { DatabaseConnection, Driver } from 'kysely'

export interface Statement {
  readonly sql: string
  readonly parameters: readonly unknown[]
}

/** Asks, just before a statement is sent, what is to be sent in its place. */
export class ReplacingDialect extends PostgresDialect {
  readonly #replace: (statement: Statement) => Statement
  readonly #prepared = new WeakSet<DatabaseConnection>()

  constructor(config: PostgresDialectConfig, replace: (statement: Statement) => Statement) {
    super(config)
    this.#replace = replace
  }

  override createDriver(): Driver {
    const driver = super.createDriver()
    const acquire = driver.acquireConnection.bind(driver)
    driver.acquireConnection = async (...args) => this.#prepare(await acquire(...args))
    return driver
  }

  /** The same object, by which the driver knows it. */
  #prepare(connection: DatabaseConnection): DatabaseConnection {
    if (this.#prepared.has(connection)) return connection
    this.#prepared.add(connection)
    const send = connection.executeQuery.bind(connection)
    connection.executeQuery = (compiled, ...rest) => {
      const { sql, parameters } = this.#replace(compiled)
      return send({ ...compiled, sql, parameters }, ...rest)
    }
    return connection
  }
}
