import { ZenStackClient } from '@zenstackhq/orm'

/** What a client's options mean for keeping its queries live. */
export interface ClientFacts {
  readonly hasPolicyPlugin: boolean
  /** Whether memory may decide instead of the client: nothing about it changes reads but the policies. */
  readonly isIncrementalAllowed: boolean
  /** What else changes reads. */
  readonly reasons: readonly string[]
}

interface Options {
  readonly plugins?: readonly { readonly id?: string; readonly functions?: Record<string, unknown> }[]
  readonly functions?: Record<string, unknown>
  readonly fixPostgresTimezone?: boolean
  readonly dialect?: unknown
}

/**
 * Looks at `client.$options`.
 *
 * @param options.readNeutralPlugins - ids of plugins of which the application says that they change neither rows nor results of reads
 */
export function clientFacts(clientOptions: unknown, options: { readNeutralPlugins?: readonly string[] } = {}): ClientFacts {
  // The client's own type depends on its schema; these are the members every client has.
  const given = clientOptions as Options
  const neutral = new Set(options.readNeutralPlugins)
  const plugins = given.plugins ?? []
  const reasons = plugins
    .filter((plugin) => plugin.id !== 'policy' && !neutral.has(plugin.id ?? ''))
    .map((plugin) => `plugin "${plugin.id ?? '(without id)'}"`)
  for (const name of replacedFunctions(given)) reasons.push(`function "${name}" is not ZenStack's own`)
  if (given.fixPostgresTimezone === false) reasons.push('fixPostgresTimezone is off')
  return { hasPolicyPlugin: plugins.some((plugin) => plugin.id === 'policy'), isIncrementalAllowed: reasons.length === 0, reasons }
}

let ownFunctions: Record<string, unknown> | undefined

/** ZenStack puts its own functions under the application's: those that differ were replaced or added. */
function replacedFunctions(options: Options): string[] {
  const functions = Object.entries(options.functions ?? {})
  if (functions.length === 0) return []
  ownFunctions ??= builtInFunctions(options.dialect)
  const own = ownFunctions
  return functions.filter(([name, implementation]) => own[name] !== implementation).map(([name]) => name)
}

/** A client of an empty schema holds nothing else. It opens no connection. */
function builtInFunctions(dialect: unknown): Record<string, unknown> {
  const empty = { provider: { type: 'postgresql' }, models: {}, plugins: {} } as const
  const client = new ZenStackClient(empty, { dialect } as ConstructorParameters<typeof ZenStackClient<typeof empty>>[1])
  return { ...(client.$options as Options).functions }
}
