import { validateArgs } from '@zenstack-live/access'
import { errorCodeOf } from '@zenstack-live/protocol'
import { describe, expect, it } from 'vitest'
import { createWorld } from './support/world.ts'

const { schema } = createWorld({
  Post: {
    fields: {
      id: { type: 'Int', column: 'int4', id: true },
      title: { type: 'String', column: 'text' },
      at: { type: 'DateTime', column: 'timestamp' },
    },
  },
  Secret: { fields: { id: { type: 'Int', column: 'int4', id: true } } },
})
const limits = { maxArgsDepth: 8, maxListItems: 5, maxStringChars: 10 }
const client = {
  $schema: schema,
  $options: {
    slicing: {
      excludedModels: ['Secret'],
      models: { post: { excludedOperations: ['count'], fields: { title: { excludedFilterKinds: ['Like'] } } } },
    },
  },
}

function codeOf(model: string, operation: string, args: unknown): string {
  try {
    validateArgs(client, model, operation, args, limits)
    return 'fine'
  } catch (error) {
    return errorCodeOf(error)
  }
}

function nested(depth: number): object {
  return depth === 0 ? { id: 1 } : { NOT: nested(depth - 1) }
}

describe('arguments from outside', () => {
  it('come back as ZenStack takes them, with texts of dates turned into dates', () => {
    const args = validateArgs(client, 'Post', 'findMany', { where: { at: { gt: '2024-05-05' } }, take: 3 }, { ...limits, maxStringChars: 100 })
    expect(args).toEqual({ where: { at: { gt: new Date('2024-05-05') } }, take: 3 })
    expect(validateArgs(client, 'Post', 'findMany', undefined)).toBeUndefined()
  })

  it('may name only models and operations that the client has', () => {
    expect(codeOf('Nope', 'findMany', {})).toBe('unknown_model')
    expect(codeOf('Secret', 'findMany', {})).toBe('unknown_model')
    expect(codeOf('constructor', 'findMany', {})).toBe('unknown_model')
    expect(codeOf('Post', 'deleteMany', {})).toBe('unknown_operation')
    expect(codeOf('Post', 'count', {})).toBe('unknown_operation')
    expect(codeOf('Post', 'toString', {})).toBe('unknown_operation')
    expect(codeOf('Post', 'exists', {})).toBe('fine')
  })

  it('must fit the schema and the slicing of the client', () => {
    expect(codeOf('Post', 'findMany', { where: { nope: 1 } })).toBe('bad_arguments')
    expect(codeOf('Post', 'findMany', { where: { id: 'x' } })).toBe('bad_arguments')
    expect(codeOf('Post', 'findMany', { where: { title: { contains: 'a' } } })).toBe('bad_arguments')
    expect(codeOf('Post', 'findMany', { where: { title: { equals: 'a' } } })).toBe('fine')
    expect(codeOf('Post', 'findMany', { where: { $expr: 'SELECT 1' } })).toBe('bad_arguments')
    expect(codeOf('Post', 'findUnique', {})).toBe('bad_arguments')
  })

  it('are as large as each limit allows, and no larger', () => {
    // The arguments themselves, `where`, and six in it.
    expect(codeOf('Post', 'findMany', { where: nested(6) })).toBe('fine')
    expect(codeOf('Post', 'findMany', { where: nested(7) })).toBe('too_large')
    const five = { id: 1, title: 'a', at: '2024-05-05', AND: [], OR: [] }
    expect(codeOf('Post', 'findMany', { where: five })).toBe('fine')
    expect(codeOf('Post', 'findMany', { where: { ...five, NOT: [] } })).toBe('too_large')
    expect(codeOf('Post', 'findMany', { where: { id: { in: [1, 2, 3, 4, 5] } } })).toBe('fine')
    expect(codeOf('Post', 'findMany', { where: { id: { in: [1, 2, 3, 4, 5, 6] } } })).toBe('too_large')
    expect(codeOf('Post', 'findMany', { where: { title: 'x'.repeat(10) } })).toBe('fine')
    expect(codeOf('Post', 'findMany', { where: { title: 'x'.repeat(11) } })).toBe('too_large')
  })

  it('cost little when they are hostile', () => {
    let deep: unknown = {}
    for (let depth = 0; depth < 100_000; depth++) deep = { NOT: deep }
    const hostile = [
      { where: deep },
      { where: { title: 'a'.repeat(1_000_000) } },
      { where: { id: { in: Array.from({ length: 1_000_000 }, (_, index) => index) } } },
      { where: JSON.parse('{"__proto__": {"id": 1}}') as unknown },
      { where: { constructor: { prototype: {} } } },
    ]
    const before = process.cpuUsage()
    const codes = hostile.map((args) => codeOf('Post', 'findMany', args))
    expect(codes).toEqual(['too_large', 'too_large', 'too_large', 'bad_arguments', 'bad_arguments'])
    const { user, system } = process.cpuUsage(before)
    expect(user + system, 'microseconds').toBeLessThan(500_000)
    expect(Object.prototype).not.toHaveProperty('id')
  })
})
