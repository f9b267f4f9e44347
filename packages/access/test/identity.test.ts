import { authMembers, authText, clientFacts, projectAuth } from '@zenstack-live/access'
import { ExpressionUtils as E } from '@zenstackhq/schema'
import { Decimal } from 'decimal.js'
import { describe, expect, it } from 'vitest'
import { allow, allowField, createWorld } from './support/world.ts'

const id = { type: 'Int', column: 'int4', id: true } as const
const member = (name: string): ReturnType<typeof E.member> => E.member(E.call('auth'), [name])

describe('an identity', () => {
  const data = createWorld(
    {
      User: { fields: { id } },
      Task: {
        fields: { id, secret: { type: 'String', column: 'text', attributes: [allowField(E.binary(member('role'), '==', E.literal('boss')))] } },
        attributes: [
          allow(E.binary(member('orgs'), '?', E.binary(E.field('id'), '==', E.member(E._this(), ['id'])))),
          allow(E.binary(E.call('auth'), '==', E._this())),
        ],
      },
    },
    { authType: 'User' },
  )

  it('is what policies of models and fields read of auth(), and no more', () => {
    expect([...authMembers(data).names].sort()).toEqual(['id', 'orgs', 'role'])
    expect(projectAuth(data, { id: 1, role: 'boss', orgs: [], token: 'x', iat: 7 })).toEqual({ id: 1, role: 'boss', orgs: [] })
    expect(projectAuth(data, undefined)).toBeNull()
  })

  it('is the same text for the same projection, and another for another type', () => {
    expect(authText(data, { role: 'a', id: 1, token: 1 })).toBe(authText(data, { id: 1, token: 2, role: 'a' }))
    const texts = [1, '1', 1n, true, null, [1], ['1'], { a: 1 }, new Date(1), new Decimal(1), new Uint8Array([1]), -0, 0].map((value) =>
      authText(data, { id: value }),
    )
    expect(new Set([...texts, authText(data, null), authText(data, {})]).size).toBe(texts.length + 2)
  })

  it('is all of auth() when a function of the application reads it', () => {
    const open = createWorld({ Task: { fields: { id }, attributes: [allow(E.call('mine', [E.field('id')]))] } })
    expect(authMembers(open).isWhole).toBe(true)
    expect(projectAuth(open, { id: 1, token: 'x' })).toEqual({ id: 1, token: 'x' })
  })
})

describe('the options of a client', () => {
  const policy = { id: 'policy' }

  it('allow memory to decide when only policies change reads', () => {
    expect(clientFacts({ plugins: [policy] })).toEqual({ hasPolicyPlugin: true, isIncrementalAllowed: true, reasons: [] })
    expect(clientFacts({})).toEqual({ hasPolicyPlugin: false, isIncrementalAllowed: true, reasons: [] })
  })

  it('do not, when another plugin may, unless it was declared neutral', () => {
    expect(clientFacts({ plugins: [policy, { id: 'soft-delete' }] })).toEqual({
      hasPolicyPlugin: true,
      isIncrementalAllowed: false,
      reasons: ['plugin "soft-delete"'],
    })
    expect(clientFacts({ plugins: [policy, { id: 'audit' }] }, { readNeutralPlugins: ['audit'] }).isIncrementalAllowed).toBe(true)
  })

  it('do not, when dates are read in another way', () => {
    expect(clientFacts({ plugins: [policy], fixPostgresTimezone: false }).isIncrementalAllowed).toBe(false)
  })
})
