import fc from 'fast-check'
import { expect, it } from 'vitest'
import { applyJsonPatch, diffJson } from '../src/index.ts'

const key = fc.oneof(fc.constantFrom('a', 'b', 'a/b', '~', '~1', '', '__proto__', 'constructor'), fc.string({ maxLength: 3 }))
const { json } = fc.letrec<{ json: unknown }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, true, 0, -1.5, ''),
    fc.string({ maxLength: 4 }),
    fc.array(tie('json'), { maxLength: 5 }),
    fc.dictionary(key, tie('json'), { maxKeys: 4 }),
  ),
}))

it('makes of any value any other, as JSON sees them', () => {
  fc.assert(
    fc.property(json, json, (before, after) => {
      const patched = applyJsonPatch(structuredClone(before), JSON.parse(JSON.stringify(diffJson(before, after))))
      expect(JSON.parse(JSON.stringify(patched))).toEqual(JSON.parse(JSON.stringify(after)))
    }),
    { numRuns: 3000 },
  )
})

it('is empty exactly when nothing visible changed', () => {
  fc.assert(
    fc.property(json, (value) => {
      expect(diffJson(value, structuredClone(value))).toEqual([])
    }),
  )
})

it('says one insertion or removal in a list with one operation', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer(), { minLength: 1, maxLength: 20 }), fc.nat(), (list, at) => {
      const shorter = list.toSpliced(at % list.length, 1)
      expect(diffJson(list, shorter)).toHaveLength(1)
      expect(diffJson(shorter, list)).toHaveLength(1)
    }),
  )
})
