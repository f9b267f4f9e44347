import { AnyNull, DbNull, JsonNull } from '@zenstackhq/orm'
import type { Random } from '../random.ts'
import { pickLeast } from '../pick-least.ts'
import { FIELD_KINDS, type FieldKind } from './field-kinds.ts'
import { JSON_PATHS, JSON_SEARCHES, TEXT_PARTS } from './field-values.ts'

export interface GeneratedField {
  readonly name: string
  readonly kind: FieldKind
  readonly isOptional: boolean
}

export interface GeneratedFilter {
  readonly where: Record<string, unknown>
  /** `Type.operator` for each operator in it. */
  readonly uses: readonly string[]
}

interface Making {
  readonly random: Random
  readonly met: ReadonlyMap<string, number>
  readonly uses: string[]
}

/**
 * A random filter over these fields; many are a single operator, so that each meets every row by itself.
 *
 * @param met - how often each use was met: the rarest come first
 */
export function generateFilter(random: Random, met: ReadonlyMap<string, number>, fields: readonly GeneratedField[]): GeneratedFilter {
  const making = { random, met, uses: [] }
  const depth = random.chance(0.55) ? 0 : 1 + random.whole(2)
  return { where: group(making, fields, depth), uses: making.uses }
}

function group(making: Making, fields: readonly GeneratedField[], depth: number): Record<string, unknown> {
  const { random, uses } = making
  const where: Record<string, unknown> = {}
  const count = depth === 0 ? 1 + Number(random.chance(0.15)) : random.whole(2)
  for (let index = 0; index < count; index++) {
    const { field, operator } = pickLeast(random, questionsOf(fields), (question) => making.met.get(nameOf(question)) ?? 0)
    where[field.name] = fieldFilter(making, field, operator)
  }
  if (depth === 0) return where
  const combinator = random.pick(['AND', 'OR', 'NOT', 'OR', 'NOT'])
  uses.push(`logical.${combinator}`)
  const members = Array.from({ length: random.whole(4) }, () =>
    random.chance(0.12)
      ? random.pick<object>([{}, { [random.pick(fields).name]: undefined }, { OR: [] }, { AND: [] }])
      : group(making, fields, depth - 1),
  )
  where[combinator] = combinator === 'OR' || random.chance(0.6) ? members : (members[0] ?? {})
  return where
}

interface Question {
  readonly field: GeneratedField
  readonly operator: string
}

const questionsOf = (fields: readonly GeneratedField[]): Question[] =>
  fields.flatMap((field) => field.kind.operators.map((operator) => ({ field, operator })))
const nameOf = ({ field, operator }: Question): string => `${field.kind.name}.${operator}`

function fieldFilter({ random, uses }: Making, field: GeneratedField, operator: string): unknown {
  const { kind, isOptional } = field
  const use = (name: string): void => void uses.push(`${kind.name}.${name}`)
  if (isOptional && random.chance(0.08)) {
    use('null')
    return null
  }
  use(operator)
  switch (kind.type) {
    case 'Json':
      return jsonFilter(random, kind, isOptional, operator, use)
    case 'Typed':
      return typedFilter(random, isOptional, operator)
    case 'List':
      return listFilter(random, kind, operator)
    default:
      return operator === 'direct' ? kind.asked(random) : operators(random, field, operator, use)
  }
}

function operators(random: Random, { kind, isOptional }: GeneratedField, operator: string, use: (operator: string) => void): Record<string, unknown> {
  if (random.chance(0.04)) return (use('empty'), {})
  const others = kind.operators.filter((each) => each !== 'direct' && each !== 'mode')
  const chosen = [operator === 'mode' ? random.pick(others) : operator, ...(random.chance(0.2) ? [random.pick(others)] : [])]
  const filter: Record<string, unknown> = {}
  for (const each of chosen) {
    use(each)
    filter[each] = operand(random, kind, isOptional, each, use)
  }
  if (operator === 'mode' || (kind.operators.includes('mode') && random.chance(0.25))) {
    use('mode')
    filter['mode'] = random.pick(['insensitive', 'insensitive', 'default'])
  }
  return filter
}

function operand(random: Random, kind: FieldKind, isOptional: boolean, operator: string, use: (operator: string) => void): unknown {
  switch (operator) {
    case 'in':
    case 'notIn':
      return Array.from({ length: random.whole(4) }, () => kind.asked(random))
    case 'between':
      return [kind.asked(random), kind.asked(random)]
    case 'not':
      if (isOptional && random.chance(0.2)) return null
      if (random.chance(0.5) || kind.name === 'Bytes') return kind.asked(random)
      return operators(random, { name: '', kind, isOptional }, random.pick(kind.operators.filter((each) => each !== 'direct')), use)
    case 'equals':
      // More digits than a double has.
      if (kind.name === 'Decimal' && random.chance(0.3)) return '123456789012345678901234567890.123456789'
      return isOptional && random.chance(0.15) ? null : kind.asked(random)
    case 'contains':
    case 'startsWith':
    case 'endsWith':
      return random.chance(0.7) ? random.pick(TEXT_PARTS) : kind.asked(random)
    default:
      return random.chance(0.02) ? undefined : kind.asked(random)
  }
}

function listFilter(random: Random, kind: FieldKind, operator: string): Record<string, unknown> {
  if (operator === 'isEmpty') return { isEmpty: random.chance(0.5) }
  return { [operator]: operator === 'has' ? kind.asked(random) : Array.from({ length: random.whole(4) }, () => kind.asked(random)) }
}

function jsonFilter(random: Random, kind: FieldKind, isOptional: boolean, picked: string, use: (operator: string) => void): Record<string, unknown> {
  const filter: Record<string, unknown> = {}
  if (picked === 'path' || random.chance(0.3)) {
    use('path')
    filter['path'] = random.pick(JSON_PATHS)
  }
  const operator = picked === 'path' ? random.pick(kind.operators.filter((each) => each !== 'path')) : picked
  use(operator)
  if (operator.startsWith('string')) {
    filter[operator] = random.pick(JSON_SEARCHES)
    if (random.chance(0.3)) filter['mode'] = 'insensitive'
  } else if (operator === 'equals' || operator === 'not') {
    filter[operator] = random.chance(0.25)
      ? random.pick(isOptional ? [DbNull, JsonNull, AnyNull, AnyNull, null] : [DbNull, JsonNull, AnyNull])
      : kind.asked(random)
  } else {
    let value = kind.asked(random)
    while (value === DbNull || value === JsonNull || value === AnyNull) value = kind.asked(random)
    filter[operator] = value
  }
  return filter
}

/** As plain JSON, a typed field takes all that JSON takes. */
const PLAIN = FIELD_KINDS.filter((kind) => kind.type === 'Json').slice(0, 1)

function typedFilter(random: Random, isOptional: boolean, operator: string): unknown {
  if (operator === 'plain') {
    const plain = random.pick(PLAIN)
    return jsonFilter(random, plain, isOptional, random.pick(plain.operators), () => undefined)
  }
  const fields = (): Record<string, unknown> => {
    const choices: [string, unknown][] = [
      [
        'city',
        random.pick<unknown>([
          'Paris',
          'paris',
          '',
          'é',
          null,
          { contains: 'a' },
          { not: 'Paris' },
          { in: ['Paris', ''] },
          { startsWith: 'p', mode: 'insensitive' },
          { equals: null },
          { not: null },
        ]),
      ],
      ['zip', random.pick<unknown>([7, 8, null, { gt: 7 }, { not: 7 }, { in: [7] }])],
      ['active', random.pick<unknown>([true, false, null, { not: true }])],
      ['kind', random.pick<unknown>(['P1', 'P2', { not: 'P1' }])],
      ['geo', random.pick<unknown>([{ lat: 1.5 }, { lat: { gt: 1 } }, { is: { lat: 1.5 } }, { isNot: { lat: 1.5 } }, {}])],
    ]
    return Object.fromEntries(Array.from({ length: 1 + random.whole(2) }, () => random.pick(choices)))
  }
  return operator === 'fields' ? fields() : { [operator]: fields() }
}
