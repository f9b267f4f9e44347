import type { FieldDef, SchemaDef } from '@zenstackhq/schema'
import { Decimal } from 'decimal.js'

/** One row of a model, as somebody sees it. */
export interface SeenRow {
  readonly model: string
  /** What its fields hold, as text that is the same wherever the value comes from. Without what is NULL: that tells nothing. */
  readonly fields: ReadonlyMap<string, string>
  /** It stands in another row: there, ZenStack may ask another rule. */
  readonly isInside: boolean
}

/** Postgres puts what extends a row beside it. */
const EXTENSION = /^\$delegate\$/
const COUNTS = '_count'

/** A row and all that are inside it, whether Postgres wrote it or an edge. What the model does not have keeps its name: nobody may read it. */
export function rowsIn(schema: SchemaDef, model: string, record: object, isInside = false): SeenRow[] {
  const fields = new Map<string, string>()
  const inside: SeenRow[] = []
  for (const [name, value] of entriesOf(record)) {
    const field = fieldOf(schema, model, name)
    if (value === null || value === undefined || name === COUNTS) continue
    if (field?.relation === undefined) {
      const text = field === undefined ? JSON.stringify(value) : textOf(field, value)
      if (text !== '[]') fields.set(name, text)
      continue
    }
    const related = typeof value === 'string' ? (JSON.parse(value) as unknown) : value
    for (const one of [related].flat()) if (one !== null) inside.push(...rowsIn(schema, field.type, one as object, true))
  }
  return [{ model, fields, isInside }, ...inside]
}

function entriesOf(record: object): [string, unknown][] {
  return Object.entries(record).flatMap(([name, value]: [string, unknown]) =>
    EXTENSION.test(name)
      ? entriesOf(typeof value === 'string' ? (JSON.parse(value) as object) : Object(value)).filter(([, own]) => own !== null)
      : [[name, value] as [string, unknown]],
  )
}

/** Who asks for a base is given what extends it, too. */
export function fieldOf(schema: SchemaDef, model: string, name: string): FieldDef | undefined {
  const def = schema.models[model]
  const extending = def?.subModels?.map((each) => fieldOf(schema, each, name)) ?? []
  return def?.fields[name] ?? extending.find((field) => field !== undefined)
}

/** As Postgres writes it, as JSON holds it, or as ZenStack returns it: all the same. */
function textOf(field: FieldDef, value: unknown): string {
  if (field.array === true) {
    const items = typeof value === 'string' ? value.slice(1, -1).split(',').filter(Boolean) : (value as unknown[])
    return JSON.stringify(items.map(String))
  }
  switch (field.type) {
    case 'Boolean':
      return String(value === true || value === 't' || value === 'true')
    case 'Decimal':
      return new Decimal(String(value)).toFixed()
    case 'DateTime':
      return timeOf(value).toISOString()
    case 'Json':
      return JSON.stringify(typeof value === 'string' ? JSON.parse(value) : value)
    default:
      return String(value)
  }
}

/** Without a zone it is UTC. */
function timeOf(value: unknown): Date {
  if (value instanceof Date) return value
  const text = String(value).replace(' ', 'T')
  return new Date(/Z|[+-]\d\d(:?\d\d)?$/.test(text) ? text : `${text}Z`)
}
