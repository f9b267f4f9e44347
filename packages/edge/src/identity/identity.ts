import { isDeepStrictEqual } from 'node:util'
import { authText, clientFacts } from '@zenstack-live/access'
import type { DataModel } from '@zenstack-live/model'
import { serialize } from '@zenstackhq/client-helpers/fetch'
import type { EdgeDatabase } from '../database/edge-database.ts'
import { copyAuth } from './copy-auth.ts'
import type { Keys } from '../keys.ts'
import type { EdgeClient, LiveClient } from './live-client.ts'

/** Who a stream belongs to: what policies read of `auth()`, and how the client was set up. */
export interface Identity {
  /** Equal for equal identities with equal options, in this process. Answers are shared by it. */
  readonly key: string
  /** The same across processes: what positions and tickets are bound to. A keyed hash. */
  readonly fingerprint: string
  /** A client on the edge's pool, bound to this identity. */
  readonly client: EdgeClient
  /** A copy, as far as {@link copyAuth} makes one: what the application does with its own session later changes nothing. */
  readonly auth: Readonly<Record<string, unknown>> | null
  /** The key of the auth model's row, when `auth()` names one. */
  readonly authKey: string | undefined
  /** Whether the user's own client connects as the edge's database user. */
  readonly isSameUser: boolean
}

export interface Identities {
  /** @throws {LiveError} `unprotected_client` or `foreign_database` */
  of(client: LiveClient, clientKey?: string): Promise<Identity>
}

const MAX_REMEMBERED = 50_000

export function createIdentities(options: {
  data: DataModel
  database: EdgeDatabase
  keys: Keys
  readNeutralPlugins: readonly string[]
  check(client: LiveClient): void
  /** `false` lets everybody be one. For tests only. */
  isScoped?: boolean
}): Identities {
  const { data, database, keys } = options
  const optionNumbers = new WeakMap<object, number>()
  const known = new Map<string, Identity>()
  let optionCount = 0

  const numberOf = (clientOptions: object): number => {
    const number = optionNumbers.get(clientOptions) ?? ++optionCount
    optionNumbers.set(clientOptions, number)
    return number
  }

  return {
    async of(client, clientKey) {
      options.check(client)
      const auth = copyAuth(authOf(client))
      // A plugin may read all of `auth()`; policies read what can be found out.
      const { isIncrementalAllowed } = clientFacts(client.$options, { readNeutralPlugins: options.readNeutralPlugins })
      const projection = options.isScoped === false ? '' : isIncrementalAllowed ? authText(data, auth) : stableText(auth)
      const setUp = clientKey === undefined ? `#${numberOf(client.$options)}` : `=${clientKey}`
      const key = `${setUp} ${projection}`
      const bound = (await database.bind(client)).$setAuth(auth ?? undefined)
      const authKey = authKeyOf(data, auth)
      const before = known.get(key)
      // Policies may tell people apart by less than `auth()` holds; whose row it is, and what `authorize` of projections looks at, still counts.
      if (before !== undefined) return before.authKey === authKey && isDeepStrictEqual(before.auth, auth) ? before : { ...before, auth, authKey }
      const identity: Identity = {
        key,
        fingerprint: keys.sign('identity', JSON.stringify([data.fingerprint, projection, clientKey ?? optionsText(client.$options)])),
        client: bound,
        auth,
        authKey,
        isSameUser: database.isSameUser(client),
      }
      known.set(key, identity)
      const [oldest] = known.size > MAX_REMEMBERED ? known.keys() : []
      if (oldest !== undefined) known.delete(oldest)
      return identity
    },
  }
}

/** Who it is, for the log: the id of the row behind `auth()`, or a keyed hash where that names none. Nothing that lets anybody in. */
export function nameOf({ auth, authKey, fingerprint }: Identity): string {
  return auth === null ? 'nobody' : (authKey ?? `#${fingerprint}`)
}

/**
 * The fingerprint of a query for an identity: what its tickets, and positions of `GET`, are bound to.
 *
 * @param order - of positions, which have no ticket beside them: how the places of rows are told
 */
export function queryScope(keys: Keys, identity: Identity, queryText: string, order = ''): string {
  return keys.sign('query', `${identity.fingerprint} ${order} ${queryText}`)
}

function authOf(client: LiveClient): Readonly<Record<string, unknown>> | null {
  const auth = client.$auth
  // ZenStack's `$setAuth` lets only objects pass.
  return typeof auth === 'object' && auth !== null ? (auth as Record<string, unknown>) : null
}

function authKeyOf(data: DataModel, auth: Readonly<Record<string, unknown>> | null): string | undefined {
  const model = data.schema.authType === undefined ? undefined : data.models.get(data.schema.authType)
  if (model === undefined || auth === null) return undefined
  const values = model.idFields.map((name) => auth[name])
  return values.includes(undefined) ? undefined : values.length === 1 ? String(values[0]) : JSON.stringify(values.map(String))
}

/** What of the options shapes results, as text: across processes there are no references to compare. */
function optionsText(clientOptions: object): string {
  const of = (name: string): unknown => Reflect.get(clientOptions, name)
  const plugins = of('plugins')
  const pluginIds = Array.isArray(plugins) ? plugins.map((plugin: object) => String(Reflect.get(plugin, 'id'))) : []
  return stableText([pluginIds, of('omit'), of('slicing'), of('allowQueryTimeOmitOverride')])
}

/** Equal values give equal texts, whatever the order of their members. */
function stableText(value: unknown): string {
  const { data, meta } = serialize(value)
  return JSON.stringify([data, meta], (_, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  )
}
