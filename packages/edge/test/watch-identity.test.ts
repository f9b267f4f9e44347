import type { DecisionContext } from '@zenstack-live/access'
import { describe, expect, it } from 'vitest'
import { watchIdentity } from '../src/queries/incremental/watch-identity.ts'

const ANN: DecisionContext = { auth: { id: 'ann' }, now: 7, keySets: new Map() }
const BOB: DecisionContext = { auth: { id: 'bob' }, now: 8 }

describe('a watched identity', () => {
  it('decides as the one it is of', () => {
    expect(watchIdentity(ANN, ({ auth, now, keySets }) => ({ auth, now, keySets })).decided).toEqual(ANN)
    expect(watchIdentity(BOB, ({ keySets }) => keySets).decided).toBeUndefined()
  })

  it('is seen when anything of it is looked at, and only then', () => {
    expect(watchIdentity(ANN, ({ now }) => now)).toEqual({ decided: 7, wasRead: false })
    expect(watchIdentity(ANN, ({ auth }) => auth).wasRead).toBe(true)
    expect(watchIdentity(ANN, ({ keySets }) => keySets).wasRead).toBe(true)
    expect(watchIdentity(BOB, ({ keySets }) => keySets).wasRead).toBe(true)
  })

  it('is seen through a copy', () => {
    expect(watchIdentity(ANN, (context) => ({ ...context, item: 1 }).auth)).toEqual({ decided: ANN.auth, wasRead: true })
  })

  it('is nobody else while another is decided for within it, nor after a decision that failed', () => {
    const { decided, wasRead } = watchIdentity(ANN, (context) => {
      const inner = watchIdentity(BOB, (other) => other.auth)
      return { inner, now: context.now }
    })
    expect({ decided, wasRead }).toEqual({ decided: { inner: { decided: BOB.auth, wasRead: true }, now: 7 }, wasRead: false })
    expect(() => watchIdentity(ANN, (context) => watchIdentity(context, () => 1))).toThrow(TypeError)
    const fails = (): unknown =>
      watchIdentity(ANN, () => {
        throw new Error('no')
      })
    expect(fails).toThrow('no')
    expect(watchIdentity(BOB, ({ now }) => now)).toEqual({ decided: 8, wasRead: false })
  })
})
