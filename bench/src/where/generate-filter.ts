import { AnyNull, DbNull, JsonNull } from '@zenstackhq/orm'
import type { Random } from '../random.ts'
import { JSON_FILTER_PATHS, JSON_SEARCHES, TEXT_PARTS, type FieldKind } from './field-kinds.ts'

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

/** A random filter over these fields; many are a single operator, so that each meets every row by itself. */
export function generateFilter(random: Random, fields: readonly GeneratedField[]): GeneratedFilter {
  const uses: string[] = []
  const depth = random.chance(0.55) ? 0 : 1 + random.whole(2)
  return { where: group(random, fields, depth, uses), uses }
}

function group(random: Random, fields: readonly GeneratedField[], depth: number, uses: string[]): Record<string, unknown> {
  const where: Record<string, unknown> = {}
  const count = depth === 0 ? 1 + Number(random.chance(0.15)) : random.whole(2)
  for (let index = 0; index < count; index++) {
    const field = random.pick(fields)
    where[field.name] = fieldFilter(random, field, uses)
  }
  if (depth === 0) return where
  const combinator = random.pick(['AND', 'OR', 'NOT', 'OR', 'NOT'])
  uses.push(`logical.${combinator}`)
  const members = Array.from({ length: random.whole(4) }, () =>
    random.chance(0.12)
      ? random.pick<object>([{}, { [random.pick(fields).name]: undefined }, { OR: [] }, { AND: [] }])
      : group(random, fields, depth - 1, uses),
  )
  where[combinator] = combinator === 'OR' || random.chance(0.6) ? members : (members[0] ?? {})
  return where
}

function fieldFilter(random: Random, field: GeneratedField, uses: string[]): unknown {
  const { kind, isOptional } = field
  const use = (operator: string): void => void uses.push(`${kind.type}.${operator}`)
  if (isOptional && kind.isList !== true && random.chance(0.08)) {
    use('null')
    return null
  }
  if (kind.type === 'Json') return jsonFilter(random, kind, isOptional, use)
  if (kind.type === 'Typed') return typedFilter(random, kind, isOptional, use)
  if (kind.isList === true) return listFilter(random, kind, use)
  if (kind.operators.includes('direct') && random.chance(0.1)) {
    use('direct')
    return kind.asked(random)
  }
  return operators(random, field, use)
}

function operators(random: Random, { kind, isOptional }: GeneratedField, use: (operator: string) => void): Record<string, unknown> {
  const filter: Record<string, unknown> = {}
  const count = random.chance(0.04) ? 0 : 1 + Number(random.chance(0.2))
  for (let index = 0; index < count; index++) {
    const operator = random.pick(kind.operators.filter((each) => each !== 'direct' && each !== 'mode'))
    use(operator)
    filter[operator] = operand(random, kind, isOptional, operator, use)
  }
  if (count === 0) use('empty')
  if (kind.operators.includes('mode') && random.chance(0.35)) {
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
      if (random.chance(0.5) || kind.type === 'Bytes') return kind.asked(random)
      return operators(random, { name: '', kind, isOptional }, use)
    case 'equals':
      // More digits than a double has.
      if (kind.type === 'Decimal' && random.chance(0.3)) return '123456789012345678901234567890.123456789'
      return isOptional && random.chance(0.15) ? null : kind.asked(random)
    case 'contains':
    case 'startsWith':
    case 'endsWith':
      return random.chance(0.7) ? random.pick(TEXT_PARTS) : kind.asked(random)
    default:
      return random.chance(0.02) ? undefined : kind.asked(random)
  }
}

function listFilter(random: Random, kind: FieldKind, use: (operator: string) => void): Record<string, unknown> {
  const operator = random.pick(kind.operators)
  use(operator)
  if (operator === 'isEmpty') return { isEmpty: random.chance(0.5) }
  return { [operator]: operator === 'has' ? kind.asked(random) : Array.from({ length: random.whole(4) }, () => kind.asked(random)) }
}

/** Questions whose answers differ by a single rule, which random values seldom meet. */
const TELLING_JSON: readonly Record<string, unknown>[] = [
  { array_contains: 1 },
  { array_contains: ['a'] },
  { array_contains: { a: 1 } },
  { path: '$[*]', equals: 1 },
  { path: '$.b[*]', equals: 1 },
  { path: '$.tags[*]', equals: 'x' },
  { equals: [2, 1] },
  { equals: [1, 2] },
  { equals: 9007199254740992 },
  { equals: 1 },
  { equals: JsonNull },
  { not: JsonNull },
  { string_contains: '"' },
  { string_contains: '\\' },
  { string_contains: 'BC', mode: 'insensitive' },
  { string_starts_with: 'b' },
  { string_ends_with: 'c' },
  { array_starts_with: 1 },
  { array_starts_with: 2 },
]

function jsonFilter(random: Random, kind: FieldKind, isOptional: boolean, use: (operator: string) => void): Record<string, unknown> {
  if (random.chance(0.35)) {
    const telling = random.pick(TELLING_JSON)
    for (const operator of Object.keys(telling)) if (kind.operators.includes(operator)) use(operator)
    return telling
  }
  const filter: Record<string, unknown> = {}
  if (random.chance(0.4)) {
    use('path')
    filter['path'] = random.pick(JSON_FILTER_PATHS)
  }
  const operator = random.pick([
    'equals',
    'equals',
    'not',
    'string_contains',
    'string_starts_with',
    'string_ends_with',
    'array_contains',
    'array_starts_with',
    'array_ends_with',
  ])
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

function typedFilter(random: Random, kind: FieldKind, isOptional: boolean, use: (operator: string) => void): unknown {
  const operator = random.pick(kind.operators)
  use(operator)
  if (operator === 'plain') return jsonFilter(random, kind, isOptional, () => undefined)
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
