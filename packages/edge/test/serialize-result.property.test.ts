import { deserialize, serialize } from '@zenstackhq/client-helpers/fetch'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { serializeResult } from '../src/requests/serialize-result.ts'

const decimal: unknown = deserialize('1.5', { values: [['custom', 'Decimal']] })

const special = fc.oneof(
  fc.date({ noInvalidDate: true }),
  fc.bigInt(),
  fc.double(),
  fc.constantFrom(undefined, -0, Number.NaN, Number.POSITIVE_INFINITY, decimal),
  fc.uint8Array({ maxLength: 4 }),
)
const leaf = fc.oneof(
  { weight: 6, arbitrary: fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null)) },
  { weight: 1, arbitrary: special },
)
const key = fc.oneof(fc.constantFrom('id', 'a.b', 'a\\.b', '0', 'toString'), fc.string({ maxLength: 4 })).filter((name) => name !== '__proto__')
const value = fc.letrec<{ any: unknown }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 4 },
    leaf,
    fc.array(tie('any'), { maxLength: 4 }),
    fc.dictionary(key, tie('any'), { maxKeys: 4, noNullPrototype: false }),
  ),
})).any

describe('what a frame carries of a result', () => {
  it('is read as what the serializer of ZenStack says', () => {
    fc.assert(
      fc.property(value, (given) => {
        expect(received(serializeResult(given))).toEqual(received(serialize(given)))
      }),
      { numRuns: 2_000 },
    )
  })

  it('has no meta where JSON says it all', () => {
    expect(serializeResult([{ op: 'update', key: 'a', set: { title: 'x', rank: 1.5, isDone: false, dueAt: null, tags: ['a'] } }])).not.toHaveProperty(
      'meta',
    )
  })

  it.each(['__proto__', 'constructor', 'prototype'])('refuses a member called %s, as the serializer does', (name) => {
    const hostile: unknown = JSON.parse(`{"data":{"${name}":{"isAdmin":true}}}`)
    expect(() => serialize(hostile)).toThrow()
    expect(() => serializeResult(hostile)).toThrow()
  })
})

function received({ data, meta }: { data: unknown; meta?: unknown }): unknown {
  const { json, about } = JSON.parse(JSON.stringify({ json: data, about: meta })) as { json: unknown; about: never }
  return deserialize(json, about)
}
