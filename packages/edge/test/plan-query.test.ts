import { createDataModel, type Catalog } from '@zenstack-live/model'
import { LIMITS, type WireQuery } from '@zenstack-live/protocol'
import type { SchemaDef } from '@zenstackhq/schema'
import { expect, it } from 'vitest'
import type { EdgeContext } from '../src/edge-context.ts'
import { ALL_GUARDS } from '../src/guards.ts'
import type { Identity } from '../src/identity/identity.ts'
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

it('knows a query again, but not so many and long ones that memory ends', () => {
  const client = { $schema: schema, $options: {} }
  const identity = { client, auth: null, isSameUser: true } as unknown as Identity
  const parts = {
    data: createDataModel(schema, catalog),
    limits: { ...LIMITS, maxQueryBytes: 8 * 1024 ** 2 },
    guards: ALL_GUARDS,
    readNeutralPlugins: [],
    isWithheld: () => false,
  }
  const context = parts as unknown as EdgeContext
  const plan = (args: unknown): unknown => planQuery(context, identity, { model: 'Doc', operation: 'findMany', args } satisfies WireQuery)
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
