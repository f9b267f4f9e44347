import { createDataModel, type Catalog, type DataModel, type Model } from '@zenstack-live/model'
import { schema } from '@zenstack-live/testing/workspace'

const TYPES: Readonly<Record<string, string>> = {
  id: 'int4',
  ownerId: 'text',
  body: 'text',
  isPublic: 'bool',
  rank: 'int4',
  size: 'int8',
  score: 'numeric',
  at: 'timestamp',
  data: 'jsonb',
  tags: 'text',
  secret: 'text',
}

/** The workspace's notes, without a database. */
export const noteData: DataModel = createNoteData()
export const note: Model = requireNote()

function requireNote(): Model {
  const model = noteData.models.get('Note')
  if (model === undefined) throw new Error('The workspace has no notes.')
  return model
}

function createNoteData(): DataModel {
  const columns: Catalog['tables'][string]['columns'] = {}
  for (const [name, type] of Object.entries(TYPES)) {
    const text = type === 'text' ? { collation: 'default' } : {}
    columns[name] = {
      name,
      type,
      typmod: name === 'at' ? 3 : -1,
      isArray: name === 'tags',
      isNullable: name === 'secret' || name === 'data',
      isGenerated: false,
      ...text,
    }
  }
  const table = { schema: 'public', name: 'Note', kind: 'table', persistence: 'permanent', replicaIdentity: 'full', uniqueKeys: [['id']] } as const
  const catalog: Catalog = {
    serverVersion: 180_000,
    encoding: 'UTF8',
    timeZone: 'UTC',
    collations: { default: { provider: 'builtin', locale: 'C', isDeterministic: true } },
    tables: { 'public.Note': { ...table, uniqueKeys: [['id']], hasRowSecurity: false, columns, foreignKeys: [] } },
  }
  return createDataModel(schema, catalog)
}
