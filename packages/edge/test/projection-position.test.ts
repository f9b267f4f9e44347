import { LIMITS } from '@zenstack-live/protocol'
import { describe, expect, it } from 'vitest'
import { createKeys } from '../src/keys.ts'
import { encodeProjectionPosition, parseProjectionPosition, type ProjectionScope } from '../src/projections/projection-position.ts'
import { isProjectionPath, parseProjectionRequest } from '../src/projections/projection-request.ts'

const keys = createKeys('a secret that only the tests know')
const scope: ProjectionScope = { log: { identity: 'log', epoch: 2 }, name: 'cart', version: 1, id: 'c1' }

describe('a position of a projection', () => {
  it('is read where it was given', () => {
    const text = encodeProjectionPosition(keys, scope, 41)
    expect(parseProjectionPosition(keys, scope, text)).toBe(41)
    expect(text.length).toBeLessThanOrEqual(LIMITS.maxPositionBytes)
  })

  it.each([
    ['another id', { ...scope, id: 'c2' }],
    ['another name', { ...scope, name: 'total' }],
    ['another version', { ...scope, version: 2 }],
    ['another epoch', { ...scope, log: { identity: 'log', epoch: 3 } }],
    ['another log', { ...scope, log: { identity: 'other', epoch: 2 } }],
  ])('means nothing for %s', (_, other) => {
    expect(parseProjectionPosition(keys, other, encodeProjectionPosition(keys, scope, 41))).toBeUndefined()
  })

  it.each(['', '~~', '1~41', '1~x~y', '2~41~y', '1~41~y~z', '1~-1~y', '1~99999999999999999~y'])('is not %j', (text) => {
    expect(parseProjectionPosition(keys, scope, text)).toBeUndefined()
  })

  it('cannot be changed by who holds it', () => {
    expect(parseProjectionPosition(keys, scope, encodeProjectionPosition(keys, scope, 41).replace('~41~', '~42~'))).toBeUndefined()
  })
})

describe('a request for a projection', () => {
  const get = (path: string, init?: RequestInit): ReturnType<typeof parseProjectionRequest> =>
    parseProjectionRequest(new Request(`http://edge/live${path}`, init), path, LIMITS)

  it('names one by its name and id', () => {
    expect(get('/$projections/cart/a%2Fb%20c', { headers: { accept: 'text/event-stream', 'last-event-id': 'p' } })).toEqual({
      name: 'cart',
      id: 'a/b c',
      kind: 'stream',
      lastEventId: 'p',
    })
    expect(get('/$projections/cart/a/b')).toMatchObject({ id: 'a/b', kind: 'read', lastEventId: undefined })
    expect(isProjectionPath('/$projections/cart/x')).toBe(true)
    expect(isProjectionPath('/task/findMany')).toBe(false)
  })

  it.each(['/$projections/', '/$projections/cart', '/$projections/cart/', '/$projections/cart/%E0%A4%A'])('refuses %s', (path) => {
    expect(() => get(path)).toThrow(expect.objectContaining({ code: 'bad_request' }))
  })

  it('asks for a ticket when it is posted', () => {
    expect(get('/$projections/cart/x', { method: 'POST' })).toMatchObject({ name: 'cart', id: 'x', kind: 'mint' })
  })

  it('refuses what is neither, and what is too long', () => {
    expect(() => get('/$projections/cart/x', { method: 'PUT' })).toThrow(expect.objectContaining({ code: 'bad_request' }))
    expect(get(`/$projections/cart/${'x'.repeat(LIMITS.maxStringChars)}`).id).toHaveLength(LIMITS.maxStringChars)
    expect(() => get(`/$projections/cart/${'x'.repeat(LIMITS.maxStringChars + 1)}`)).toThrow(expect.objectContaining({ code: 'too_large' }))
  })
})
