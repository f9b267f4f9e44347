import { createDataModel, type Catalog, type CatalogColumn, type DataModel } from '@zenstack-live/model'
import { ExpressionUtils as E, type SchemaDef } from '@zenstackhq/schema'

/** Tasks that their owner sees, and everybody when they are not private. */
const SCHEMA = {
  provider: { type: 'postgresql' },
  models: {
    User: {
      name: 'User',
      fields: { id: { name: 'id', type: 'Int', id: true } },
      idFields: ['id'],
      uniqueFields: { id: { type: 'Int' } },
    },
    Task: {
      name: 'Task',
      fields: {
        id: { name: 'id', type: 'Int', id: true },
        listId: { name: 'listId', type: 'Int' },
        title: { name: 'title', type: 'String' },
        ownerId: { name: 'ownerId', type: 'Int' },
        isPrivate: { name: 'isPrivate', type: 'Boolean' },
      },
      attributes: [
        {
          name: '@@allow',
          args: [
            { name: 'operation', value: E.literal('read') },
            {
              name: 'condition',
              value: E.or(E.binary(E.member(E.call('auth'), ['id']), '==', E.field('ownerId')), E.not(E.field('isPrivate'))),
            },
          ],
        },
      ],
      idFields: ['id'],
      uniqueFields: { id: { type: 'Int' } },
    },
  },
  authType: 'User',
  plugins: {},
} as const satisfies SchemaDef

export function matchWorld(): DataModel {
  return createDataModel(SCHEMA, catalog())
}

function catalog(): Catalog {
  const task = [column('id', 'int4'), column('listId', 'int4'), column('title', 'text'), column('ownerId', 'int4'), column('isPrivate', 'bool')]
  return {
    serverVersion: 180000,
    encoding: 'UTF8',
    timeZone: 'UTC',
    collations: { default: { provider: 'builtin', locale: 'C.UTF-8', isDeterministic: true, lowerCase: {} } },
    tables: { 'public.User': table('User', [column('id', 'int4')]), 'public.Task': table('Task', task) },
  }
}

function column(name: string, type: string): CatalogColumn {
  return { name, type, typmod: -1, isArray: false, isNullable: false, isGenerated: false, ...(type === 'text' ? { collation: 'default' } : {}) }
}

function table(name: string, columns: readonly CatalogColumn[]): Catalog['tables'][string] {
  return {
    schema: 'public',
    name,
    kind: 'table',
    persistence: 'permanent',
    replicaIdentity: 'full',
    uniqueKeys: [['id']],
    hasRowSecurity: false,
    columns: Object.fromEntries(columns.map((each) => [each.name, each])),
    foreignKeys: [],
  }
}
