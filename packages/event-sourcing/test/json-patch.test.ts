import { describe, expect, it } from 'vitest'
import { applyJsonPatch, diffJson } from '../src/index.ts'

describe('diffJson', () => {
  it('names the changed field only', () => {
    expect(diffJson({ a: 1, b: { c: [1, 2, 3] } }, { a: 1, b: { c: [1, 2, 4] } })).toEqual([{ op: 'replace', path: '/b/c/2', value: 4 }])
  })

  it('sees dates, undefined and numbers as JSON does', () => {
    expect(diffJson({ at: new Date(0), gone: 1 }, { at: '1970-01-01T00:00:00.000Z', gone: undefined })).toEqual([{ op: 'remove', path: '/gone' }])
    expect(diffJson({ n: null }, { n: Number.NaN })).toEqual([])
    expect(diffJson([1], [undefined])).toEqual([{ op: 'replace', path: '/0', value: null }])
  })

  it('goes as deep as a thread does, at a cost that does not grow with each level', () => {
    const thread = (depth: number, text: string): unknown =>
      depth === 0 ? { text, children: [] } : { text: '', children: [thread(depth - 1, text)] }
    expect(diffJson(thread(40, 'a'), thread(40, 'b'))).toEqual([{ op: 'replace', path: `${'/children/0'.repeat(40)}/text`, value: 'b' }])
  })

  it('does not look into what both values share', () => {
    const shared = {
      get touched(): never {
        throw new Error('looked into')
      },
    }
    expect(diffJson({ shared, n: 1 }, { shared, n: 2 })).toEqual([{ op: 'replace', path: '/n', value: 2 }])
  })

  it('sends the whole value where a patch would be longer', () => {
    const before = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`field${index}`, index]))
    expect(diffJson(before, { only: 1 })).toEqual([{ op: 'replace', path: '', value: { only: 1 } }])
  })
})

describe('applyJsonPatch', () => {
  it('leaves the value it is given as it is', () => {
    const value = Object.freeze({ list: Object.freeze([1, 2]) })
    expect(applyJsonPatch(value, [{ op: 'add', path: '/list/1', value: 9 }])).toEqual({ list: [1, 9, 2] })
  })

  it.each([
    ['a field that is not there', { a: 1 }, { op: 'replace', path: '/b', value: 1 } as const],
    ['a place behind the end', [1], { op: 'replace', path: '/1', value: 1 } as const],
    ['a removed field', {}, { op: 'remove', path: '/a' } as const],
    ['something within a number', { a: 1 }, { op: 'add', path: '/a/b', value: 1 } as const],
    ['the whole value', { a: 1 }, { op: 'remove', path: '' } as const],
  ])('refuses a patch that changes %s', (_name, value, operation) => {
    expect(() => applyJsonPatch(value, [operation])).toThrow(TypeError)
  })
})
