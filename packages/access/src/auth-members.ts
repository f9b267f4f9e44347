import { Decimal } from 'decimal.js'
import type { Expression } from '@zenstackhq/schema'
import type { DataModel } from '@zenstack-live/model'
import type { Auth } from './decision-context.ts'
import { isAuth } from './policy/operand.ts'
import { visitRules } from './policy/visit-rules.ts'

/** Which members of `auth()` the policies of a schema read. */
export interface AuthMembers {
  /** First names of the paths: what is below them counts as a whole. */
  readonly names: ReadonlySet<string>
  /** Something reads `auth()` that cannot be looked into (a function of the application, a computed field): all of it counts. */
  readonly isWhole: boolean
}

const FUNCTIONS: ReadonlySet<string> = new Set(
  'auth now contains startsWith endsWith has hasSome hasEvery isEmpty check before currentModel currentOperation'.split(' '),
)
const found = new WeakMap<DataModel, AuthMembers>()

/** The members that any policy reads: an identity is no more than these. */
export function authMembers(data: DataModel): AuthMembers {
  let members = found.get(data)
  if (members === undefined) found.set(data, (members = findMembers(data)))
  return members
}

/**
 * `auth()` reduced to what policies read: equal projections see the same. Presence itself counts, as `auth() != null` may ask.
 */
export function projectAuth(data: DataModel, auth: Auth | undefined): Auth {
  if (!auth) return null
  const { names, isWhole } = authMembers(data)
  if (isWhole) return auth
  const projection: Record<string, unknown> = {}
  for (const name of [...names].sort()) if (auth[name] !== undefined) projection[name] = auth[name]
  return projection
}

/** The projection as text, types told apart: equal texts are equal identities. */
export function authText(data: DataModel, auth: Auth | undefined): string {
  return textOf(projectAuth(data, auth))
}

function findMembers(data: DataModel): AuthMembers {
  const names = new Set<string>()
  let isWhole = false
  const see = (each: Expression): void => {
    if (each.kind === 'call' && !FUNCTIONS.has(each.function)) isWhole = true
    if (each.kind === 'member' && isAuth(each.receiver)) names.add(each.members[0] ?? '')
    // `auth() == owner` compares the ids of the auth model.
    if (each.kind === 'binary' && (isAuth(each.left) || isAuth(each.right))) for (const id of authIds(data)) names.add(id)
  }
  for (const model of Object.values(data.schema.models)) {
    if (Object.values(model.fields).some((field) => field.computed === true)) isWhole = true
    visitRules(model, see)
  }
  return { names, isWhole }
}

function authIds(data: DataModel): string[] {
  const model = data.schema.models[data.schema.authType ?? '']
  return Object.values(model?.fields ?? {})
    .filter((field) => field.id === true)
    .map((field) => field.name)
}

function textOf(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value)
  if (value instanceof Date) return `Date(${value.getTime()})`
  if (Decimal.isDecimal(value)) return `Decimal(${value.toString()})`
  if (value instanceof Uint8Array) return `Bytes(${Buffer.from(value).toString('base64')})`
  if (Array.isArray(value)) return `[${value.map(textOf).join(',')}]`
  if (typeof value !== 'object' || value === null) return typeof value === 'string' ? JSON.stringify(value) : String(value)
  const entries = Object.entries(value).filter(([, each]) => each !== undefined)
  return `{${entries
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, each]) => `${JSON.stringify(name)}:${textOf(each)}`)
    .join(',')}}`
}
