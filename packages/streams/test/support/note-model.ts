import { createDataModel, type Catalog, type Model } from '@zenstack-live/model'
import { schema } from '@zenstack-live/testing/workspace'

const TYPES: Readonly<Record<string, string>> = { id: 'int4', body: 'text', secret: 'text', size: 'int8', rank: 'int4' }

/** Some columns of the workspace's notes, without a database. */
export const note: Model = requireNote()

function requireNote(): Model {
  const columns: Catalog['tables'][string]['columns'] = {}
  for (const [name, type] of Object.entries(TYPES)) {
    const text = type === 'text' ? { collation: 'default' } : {}
    columns[name] = { name, type, typmod: -1, isArray: false, isNullable: name === 'secret', isGenerated: false, ...text }
  }
  const table = { schema: 'public', name: 'Note', kind: 'table', persistence: 'permanent', replicaIdentity: 'full', uniqueKeys: [['id']] } as const
  const catalog: Catalog = {
    serverVersion: 180_000,
    encoding: 'UTF8',
    timeZone: 'UTC',
    collations: { default: { provider: 'builtin', locale: 'C', isDeterministic: true } },
    tables: { 'public.Note': { ...table, uniqueKeys: [['id']], hasRowSecurity: false, columns, foreignKeys: [] } },
  }
  const model = createDataModel(schema, catalog).models.get('Note')
  if (model === undefined) throw new Error('The workspace has no notes.')
  return model
}
