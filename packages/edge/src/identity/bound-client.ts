import type { EdgeClient, EdgeTransaction, LiveClient } from './live-client.ts'

/**
 * A client of one identity that is made only while the database is asked: a ZenStack client takes some 25 KiB, and thousands of
 * identities ask once and then only follow the stream.
 */
export class BoundClient implements EdgeClient {
  readonly #base: EdgeClient
  readonly $auth: unknown

  /** @param base - of nobody in particular */
  constructor(base: EdgeClient, auth: unknown) {
    this.#base = base
    this.$auth = auth
  }

  get $schema(): LiveClient['$schema'] {
    return this.#base.$schema
  }

  get $options(): object {
    return this.#base.$options
  }

  $setAuth(auth: unknown): EdgeClient {
    return new BoundClient(this.#base, auth)
  }

  $transaction<Result>(run: (transaction: EdgeTransaction) => Promise<Result>, options: { isolationLevel: 'repeatable read' }): Promise<Result> {
    return this.#base.$setAuth(this.$auth ?? undefined).$transaction(run, options)
  }
}
