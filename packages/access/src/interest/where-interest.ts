import type { Field, Model, StoredScalar } from '@zenstack-live/model'
import { domainOf } from '../domain/domain-of.ts'
import { elementDomainOf } from '../domain/element-domain.ts'
import { isFilterObject } from '../where/standard-filter.ts'
import { keyOfScalar, noRow, NULL_KEY, placeOf, type InterestBranch, type InterestKey } from './interest.ts'

/** More keys than this in one branch make adding and removing slower than deciding. */
const MAX_KEYS = 1000

/**
 * The rows that a `where` can let through, as branches of which one must find them; `undefined` when it cannot be said.
 *
 * @param guarded - fields that a policy may show as NULL: asking for NULL in them says nothing about the row
 */
export function interestOfWhere(model: Model, where: unknown, guarded: ReadonlySet<string>): readonly InterestBranch[] | undefined {
  if (typeof where !== 'object' || where === null) return undefined
  const found: (readonly InterestBranch[])[] = []
  for (const [key, payload] of Object.entries(where)) {
    if (payload === undefined) continue
    const branches = interestOfKey(model, key, payload as unknown, guarded)
    if (branches !== undefined) found.push(branches)
  }
  return cheapest(found)
}

/** Any of these conjuncts will do: the one that finds the fewest rows. */
export function cheapest(choices: readonly (readonly InterestBranch[])[]): readonly InterestBranch[] | undefined {
  let best: readonly InterestBranch[] | undefined
  for (const choice of choices) if (best === undefined || costOf(choice) < costOf(best)) best = choice
  return best
}

/** Keys of text and numbers are many and rows under each are few; of booleans, enums and NULL, and in ranges, rows are many. */
export function costOf(branches: readonly InterestBranch[]): number {
  let cost = 0
  for (const branch of branches) {
    if (branch.kind === 'range') cost += branch.low === null || branch.high === null ? 10_000 : 1000
    else if (branch.isCommon === true || branch.keys.includes(NULL_KEY)) cost += 5000
    else cost += branch.keys.length + (branch.isList ? 10 : 0)
  }
  return cost
}

/** Whether many rows have the same value. */
export function isCommon({ type }: Field): boolean {
  return type === 'Boolean' || type === 'Enum'
}

function interestOfKey(model: Model, key: string, payload: unknown, guarded: ReadonlySet<string>): readonly InterestBranch[] | undefined {
  switch (key) {
    case 'AND':
      return cheapest(
        asList(payload)
          .map((member) => interestOfWhere(model, member, guarded))
          .filter((each) => each !== undefined),
      )
    case 'OR':
      return interestOfAny(model, payload, guarded)
    default: {
      const field = model.fields.get(key)
      return field === undefined ? undefined : interestOfField(field, payload, guarded.has(key))
    }
  }
}

/** Every member must be found by something. */
function interestOfAny(model: Model, payload: unknown, guarded: ReadonlySet<string>): readonly InterestBranch[] | undefined {
  const branches: InterestBranch[] = []
  const members = asList(payload).filter(
    (member) => typeof member !== 'object' || member === null || Object.values(member).some((value) => value !== undefined),
  )
  for (const member of members) {
    const found = interestOfWhere(model, member, guarded)
    if (found === undefined) return undefined
    branches.push(...found)
  }
  return branches.length === 0 ? noRow(model) : branches
}

function interestOfField(field: Field, payload: unknown, isGuarded: boolean): readonly InterestBranch[] | undefined {
  if (field.isList) return interestOfList(field, payload)
  if (field.type === 'Json') return undefined
  if (!isFilterObject(payload)) return interestOfKeys(field, [payload], isGuarded)
  // Ignoring case, values under other keys are equal too.
  if (payload['mode'] === 'insensitive') return undefined
  const found: (readonly InterestBranch[] | undefined)[] = []
  if (payload['equals'] !== undefined) found.push(interestOfKeys(field, [payload['equals']], isGuarded))
  if (Array.isArray(payload['in'])) found.push(interestOfKeys(field, payload['in'] as unknown[], isGuarded))
  found.push(interestOfRange(field, payload))
  return cheapest(found.filter((each) => each !== undefined))
}

function interestOfKeys(field: Field, values: readonly unknown[], isGuarded: boolean): readonly InterestBranch[] | undefined {
  const domain = domainOf(field)
  if (domain === undefined || values.length > MAX_KEYS) return undefined
  const keys: InterestKey[] = []
  for (const value of values) {
    if (value === null && isGuarded) return undefined
    const operand = value === null ? null : domain.ofInput(value)
    if (operand === undefined) return undefined
    // What a domain makes of an input is what it makes of a stored value.
    keys.push(keyOfScalar(field, operand as StoredScalar))
  }
  return [{ kind: 'keys', fields: [field.name], isList: false, isCommon: isCommon(field), keys: [...new Set(keys)] }]
}

function interestOfList(field: Field, payload: unknown): readonly InterestBranch[] | undefined {
  const domain = field.type === 'Json' ? undefined : elementDomainOf(field)
  if (domain === undefined || !isFilterObject(payload)) return undefined
  const value = payload['has'] ?? payload['hasSome'] ?? (Array.isArray(payload['hasEvery']) ? (payload['hasEvery'] as unknown[])[0] : undefined)
  if (value === undefined) return undefined
  const operands = (Array.isArray(value) ? (value as unknown[]) : [value]).map((each) => domain.ofInput(each))
  if (operands.length > MAX_KEYS || operands.includes(undefined)) return undefined
  const keys = operands.map((operand) => keyOfScalar(field, operand as StoredScalar))
  return [{ kind: 'keys', fields: [field.name], isList: true, isCommon: isCommon(field), keys: [...new Set(keys)] }]
}

function interestOfRange(field: Field, payload: Record<string, unknown>): readonly InterestBranch[] | undefined {
  if (field.type === 'String' || field.type === 'Enum' || field.type === 'Bytes' || field.type === 'Boolean') return undefined
  const [between0, between1] = Array.isArray(payload['between']) ? (payload['between'] as unknown[]) : []
  const low = highest([place(field, payload['gt']), place(field, payload['gte']), place(field, between0)])
  const high = lowest([place(field, payload['lt']), place(field, payload['lte']), place(field, between1)])
  return low === null && high === null ? undefined : [{ kind: 'range', field: field.name, low, high }]
}

function place(field: Field, value: unknown): number | null {
  const operand = value === undefined ? undefined : domainOf(field)?.ofInput(value)
  return operand === undefined ? null : (placeOf(field, operand) ?? null)
}

function highest(places: readonly (number | null)[]): number | null {
  return places.reduce((best, each) => (best === null || (each !== null && each > best) ? each : best), null)
}

function lowest(places: readonly (number | null)[]): number | null {
  return places.reduce((best, each) => (best === null || (each !== null && each < best) ? each : best), null)
}

function asList(payload: unknown): unknown[] {
  return Array.isArray(payload) ? (payload as unknown[]) : [payload]
}
