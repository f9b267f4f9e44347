interface Tailed {
  tail(...args: never[]): AsyncIterable<readonly unknown[]>
}

/** The same log, whose followers see each page only when `hold` has resolved: they are behind by as much as a test wants. */
export function heldLog<Log extends Tailed>(log: Log, hold: () => Promise<unknown>): Log {
  async function* tail(...args: Parameters<Log['tail']>): AsyncGenerator<readonly unknown[]> {
    for await (const page of log.tail(...args)) {
      await hold()
      yield page
    }
  }
  return new Proxy(log, {
    get(target, name) {
      const value: unknown = name === 'tail' ? tail : Reflect.get(target, name, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}
