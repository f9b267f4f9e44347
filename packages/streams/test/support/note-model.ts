import { createDataModel, type Catalog, type DataModel, type Model } from '@zenstack-live/model'
import { schema } from '@zenstack-live/testing/workspace'
import { ExpressionUtils, type SchemaDef } from '@zenstackhq/schema'

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

/** @param place - the Postgres schema that the table lies in */
export function createNoteData(place = 'public'): DataModel {
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
  const table = { schema: place, name: 'Note', kind: 'table', persistence: 'permanent', replicaIdentity: 'full' } as const
  const catalog: Catalog = {
    serverVersion: 180_000,
    encoding: 'UTF8',
    timeZone: 'UTC',
    collations: { default: { provider: 'builtin', locale: 'C', isDeterministic: true } },
    tables: { [`${place}.Note`]: { ...table, uniqueKeys: [['id']], hasRowSecurity: false, columns, foreignKeys: [] } },
  }
  return createDataModel(withNotesIn(place), catalog)
}

/** As `@@schema(place)` on the model does. */
function withNotesIn(place: string): SchemaDef {
  const { Note } = schema.models
  const { provider, enums, authType, plugins } = schema
  const attribute = { name: '@@schema', args: [{ name: 'map', value: ExpressionUtils.literal(place) }] }
  return { provider, enums, authType, plugins, models: { ...schema.models, Note: { ...Note, attributes: [...Note.attributes, attribute] } } }
}
