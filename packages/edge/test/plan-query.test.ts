import { createDataModel, type Catalog } from '@zenstack-live/model'
import { CHANGES_SEGMENT, LIMITS, queryText, type Limits, type WireQuery } from '@zenstack-live/protocol'
import type { SchemaDef } from '@zenstackhq/schema'
import { expect, it } from 'vitest'
import type { EdgeContext } from '../src/edge-context.ts'
import { ALL_GUARDS } from '../src/guards.ts'
import type { Identity } from '../src/identity/identity.ts'
import { planChanges } from '../src/queries/changes/changes-plan.ts'
import { planQuery } from '../src/queries/plan-query.ts'

const field = { name: 'id', type: 'String', id: true } as const
const schema = {
  provider: { type: 'postgresql' },
  models: { Doc: { name: 'Doc', fields: { id: field }, idFields: ['id'], uniqueFields: { id: { type: 'String' } } } },
  plugins: {},
} as const satisfies SchemaDef

const column = { name: 'id', type: 'text', typmod: -1, isArray: false, isNullable: false, isGenerated: false, collation: 'default' } as const
const catalog: Catalog = {
  serverVersion: 180000,
  encoding: 'UTF8',
  timeZone: 'UTC',
  collations: { default: { provider: 'builtin', locale: 'C.UTF-8', isDeterministic: true, lowerCase: {} } },
  tables: {
    'public.Doc': {
      schema: 'public',
      name: 'Doc',
      kind: 'table',
      persistence: 'permanent',
      replicaIdentity: 'full',
      uniqueKeys: [['id']],
      hasRowSecurity: false,
      columns: { id: column },
      foreignKeys: [],
    },
  },
}

const IDENTITY = { client: { $schema: schema, $options: {} }, auth: null, isSameUser: true } as unknown as Identity

function contextWith(limits: Partial<Limits>): EdgeContext {
  const data = createDataModel(schema, catalog)
  const parts = { data, limits: { ...LIMITS, ...limits }, guards: ALL_GUARDS, readNeutralPlugins: [], isWithheld: () => false }
  return parts as unknown as EdgeContext
}

it.each([
  { of: 'rows', operation: 'findMany', args: { where: { id: 'x' } }, plan: planQuery },
  { of: 'changes', operation: CHANGES_SEGMENT, args: { created: { id: 'x' } }, plan: planChanges },
] as const)('takes a query of $of with maxQueryBytes, and none with more, however many a body holds', ({ operation, args, plan }) => {
  const wire: WireQuery = { model: 'Doc', operation, args }
  const { length } = queryText(wire)
  expect(plan(contextWith({ maxQueryBytes: length }), IDENTITY, wire).model.name).toBe('Doc')
  expect(() => plan(contextWith({ maxQueryBytes: length - 1 }), IDENTITY, wire)).toThrow(expect.objectContaining({ code: 'too_large' }))
})

it('knows a query again, but not so many and long ones that memory ends', () => {
  const context = contextWith({ maxQueryBytes: 8 * 1024 ** 2 })
  const plan = (args: unknown): unknown => planQuery(context, IDENTITY, { model: 'Doc', operation: 'findMany', args } satisfies WireQuery)
  // Of five million characters.
  const long = (name: string): object => ({
    where: { id: { in: Array.from({ length: 1_000 }, (_, index) => `${name} ${index}`.padEnd(5_000, '.')) } },
  })
  const first = plan({})
  plan(long('one'))
  expect(plan({})).toBe(first)
  plan(long('another'))
  expect(plan({})).not.toBe(first)
}, 60_000)
