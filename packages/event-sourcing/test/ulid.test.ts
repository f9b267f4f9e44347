import { describe, expect, it } from 'vitest'
import { createUlidGenerator } from '../src/ulid.ts'

const fill =
  (value: number) =>
  (bytes: Uint8Array): void =>
    void bytes.fill(value)

describe('createUlidGenerator', () => {
  it('encodes time and randomness as the specification does', () => {
    expect(createUlidGenerator(() => 0, fill(0))()).toBe('0'.repeat(26))
    expect(createUlidGenerator(() => 2 ** 48 - 1, fill(255))()).toBe('7ZZZZZZZZZZZZZZZZZZZZZZZZZ')
    expect(createUlidGenerator(() => 1_469_918_176_385, fill(0))().slice(0, 10)).toBe('01ARYZ6S41')
  })

  it('rises while the clock stands still or goes back', () => {
    const times = [5, 5, 4, 5, 6, 1]
    let call = 0
    const next = createUlidGenerator(() => times[call++] ?? 0, fill(7))
    const ids = times.map(() => next())
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids).toEqual(ids.toSorted())
  })

  it('rises over the end of its randomness', () => {
    const next = createUlidGenerator(() => 1, fill(255))
    const [first, second] = [next(), next()]
    expect(first < second).toBe(true)
  })

  it('refuses times that a ULID cannot hold', () => {
    expect(() => createUlidGenerator(() => 2 ** 48)()).toThrow(RangeError)
  })
})
