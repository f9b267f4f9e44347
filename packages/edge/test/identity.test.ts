import { createDataModel, type Catalog } from '@zenstack-live/model'
import { ExpressionUtils, type SchemaDef } from '@zenstackhq/schema'
import { describe, expect, it } from 'vitest'
import { BoundClient } from '../src/identity/bound-client.ts'
import { copyAuth } from '../src/identity/copy-auth.ts'
import { createIdentities, type Identity } from '../src/identity/identity.ts'
import type { EdgeClient } from '../src/identity/live-client.ts'
import { createKeys } from '../src/keys.ts'

const isManager = ExpressionUtils.binary(ExpressionUtils.member(ExpressionUtils.call('auth'), ['role']), '==', ExpressionUtils.literal('MANAGER'))
const schema = {
  provider: { type: 'postgresql' },
  models: {
    Doc: {
      name: 'Doc',
      fields: { id: { name: 'id', type: 'String', id: true } },
      attributes: [
        {
          name: '@@allow',
          args: [
            { name: 'operation', value: ExpressionUtils.literal('read') },
            { name: 'condition', value: isManager },
          ],
        },
      ],
      idFields: ['id'],
      uniqueFields: { id: { type: 'String' } },
    },
  },
  plugins: {},
} as const satisfies SchemaDef
const data = createDataModel(schema, { serverVersion: 180000, encoding: 'UTF8', timeZone: 'UTC', collations: {}, tables: {} } satisfies Catalog)

/** Of a database that is the same for every client. */
function setUp() {
  const clientOptions = { plugins: [{ id: 'policy' }] }
  const asked: unknown[] = []
  const base = {
    $schema: schema,
    $options: clientOptions,
    $setAuth: (auth: unknown) => ({ $transaction: async () => void asked.push(structuredClone(auth)) }),
  } as unknown as EdgeClient
  const identities = createIdentities({
    data,
    database: { bind: async (client: { $auth: unknown }) => new BoundClient(base, client.$auth), isSameUser: () => true } as never,
    keys: createKeys('a secret of sixteen bytes'),
    readNeutralPlugins: [],
    check() {},
  })
  const identify = (auth: unknown): Promise<Identity> => identities.of({ $schema: schema, $options: clientOptions, $auth: auth })
  const ask = async ({ client }: Identity): Promise<unknown> => {
    await client.$transaction(async () => {}, { isolationLevel: 'repeatable read' })
    return asked.at(-1)
  }
  return { identify, ask }
}

describe('an identity', () => {
  it('stays who it was when the application changes its session in place, for all who share it', async () => {
    const { identify, ask } = setUp()
    const session = { id: 'ann', role: 'MEMBER', teams: [{ id: 'garden' }] }
    const ann = await identify(session)
    session.role = 'MANAGER'
    session.teams.push({ id: 'board' })
    const bob = await identify({ id: 'bob', role: 'MEMBER' })
    expect(bob.key).toBe(ann.key)
    expect(await ask(bob)).toMatchObject({ role: 'MEMBER' })
    expect(ann.auth).toEqual({ id: 'ann', role: 'MEMBER', teams: [{ id: 'garden' }] })
    expect(await ask(ann)).toEqual(ann.auth)
  })

  it('is what the session was when it was asked for, though that changes while the database is', async () => {
    const { identify, ask } = setUp()
    const session = { id: 'ann', role: 'MEMBER' }
    const identifying = identify(session)
    session.role = 'MANAGER'
    expect(await ask(await identifying)).toEqual({ id: 'ann', role: 'MEMBER' })
  })

  it('is another one when the same session comes again, changed in place', async () => {
    const { identify, ask } = setUp()
    const session = { id: 'ann', role: 'MEMBER', name: 'Ann' }
    const before = await identify(session)
    session.name = 'Ann Lee'
    expect((await identify(session)).auth).toEqual({ id: 'ann', role: 'MEMBER', name: 'Ann Lee' })
    session.role = 'MANAGER'
    const after = await identify(session)
    expect(after.key).not.toBe(before.key)
    expect(await ask(after)).toMatchObject({ role: 'MANAGER' })
  })
})

describe('copyAuth', () => {
  it('keeps values that are no plain objects or arrays', () => {
    class Member {
      #level = 7
      get level(): number {
        return this.#level
      }
    }
    const auth = { token: Buffer.from('x'), member: new Member(), big: 1n, none: null, not: undefined }
    const copy = copyAuth(auth)
    expect(copy).not.toBe(auth)
    expect(Object.keys(copy)).toEqual(Object.keys(auth))
    for (const name of Object.keys(auth) as (keyof typeof auth)[]) expect(copy[name]).toBe(auth[name])
    expect(copy.member.level).toBe(7)
  })

  it('copies dates, which can be changed in place as well', () => {
    const auth = { since: new Date(0), at: new Date(Number.NaN) }
    const copy = copyAuth(auth)
    auth.since.setFullYear(2030)
    expect(copy).toEqual({ since: new Date(0), at: new Date(Number.NaN) })
  })

  it('says what is wrong with what is nested too deep', () => {
    const nested = (depth: number): object => {
      let auth: object = {}
      for (let level = 0; level < depth; level++) auth = { auth }
      return auth
    }
    expect(copyAuth(nested(100))).toEqual(nested(100))
    expect(() => copyAuth(nested(101))).toThrow(/nested deeper than 100/)
    expect(() => copyAuth(nested(1_000_000))).toThrow(/nested deeper than 100/)
  })

  it('copies what refers to itself, and what has no prototype or says it has another', () => {
    const space: { owner?: unknown } = {}
    const bare = Object.assign(Object.create(null) as object, { role: 'MEMBER' })
    const auth = { space, spaces: [space], bare, ...(JSON.parse('{"__proto__":{"role":"MANAGER"}}') as object) }
    space.owner = auth
    const copy = copyAuth(auth)
    expect(copy).toStrictEqual(auth)
    expect(copy.space).not.toBe(space)
    expect(copy.space.owner).toBe(copy)
    expect(copy.spaces[0]).toBe(copy.space)
    expect('role' in copy).toBe(false)
  })

  it('gives nothing for nobody', () => {
    expect(copyAuth(null)).toBe(null)
  })
})
