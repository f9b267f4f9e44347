import { diffJson } from '@zenstack-live/event-sourcing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { applyJsonPatch } from '../src/apply-json-patch.ts'

describe('applyJsonPatch', () => {
  it('makes the next state of the one before, with what the server found different', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (before, after) => {
        const [from, to] = [before, after].map((value): unknown => JSON.parse(JSON.stringify(value)))
        expect(applyJsonPatch(from, diffJson(from, to))).toEqual(to)
      }),
    )
  })

  it('shares what the patch does not touch, and changes nothing that it was given', () => {
    const before = { left: { deep: [1] }, right: [{ a: 1 }, { b: 2 }], 'a/b~c': 0 }
    const text = JSON.stringify(before)
    const after = applyJsonPatch(before, [
      { op: 'replace', path: '/right/1/b', value: 3 },
      { op: 'add', path: '/right/-', value: 'last' },
      { op: 'replace', path: '/a~1b~0c', value: 1 },
    ]) as typeof before
    expect(after).toEqual({ left: { deep: [1] }, right: [{ a: 1 }, { b: 3 }, 'last'], 'a/b~c': 1 })
    expect(after.left).toBe(before.left)
    expect(after.right[0]).toBe(before.right[0])
    expect(JSON.stringify(before)).toBe(text)
  })

  it('takes no name for something else', () => {
    const after = applyJsonPatch({}, [{ op: 'add', path: '/__proto__', value: { isAdmin: true } }])
    expect(Object.keys(Object(after))).toEqual(['__proto__'])
    expect(Reflect.get({}, 'isAdmin')).toBeUndefined()
  })

  it.each([
    [{ op: 'remove', path: '' } as const],
    [{ op: 'remove', path: '/missing' } as const],
    [{ op: 'replace', path: '/list/2', value: 1 } as const],
    [{ op: 'add', path: '/list/x', value: 1 } as const],
    [{ op: 'add', path: '/list/3', value: 1 } as const],
    [{ op: 'replace', path: '/list/length', value: 1 } as const],
    [{ op: 'remove', path: '/list/-' } as const],
    [{ op: 'replace', path: '/list/0/deep', value: 1 } as const],
  ])('refuses a patch that does not fit: %o', (operation) => {
    expect(() => applyJsonPatch({ list: [1, 2] }, [operation])).toThrow(TypeError)
  })
})
