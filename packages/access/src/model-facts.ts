import type { DataModel, Model } from '@zenstack-live/model'

/** What makes reads of a model more than looking at the columns of its table. */
export interface ModelFacts {
  /** Why the database must be asked, whatever the query is. */
  readonly reasons: readonly string[]
  /** Some field is a list of a mapped enum. */
  readonly hasMappedList: boolean
}

const known = new WeakMap<Model, ModelFacts>()

/** The same for every plan of a model, so found out once. */
export function modelFactsOf(data: DataModel, model: Model): ModelFacts {
  let facts = known.get(model)
  if (facts === undefined) known.set(model, (facts = findFacts(data, model)))
  return facts
}

function findFacts(data: DataModel, model: Model): ModelFacts {
  const reasons: string[] = []
  let hasMappedList = false
  if (model.refusal !== undefined) reasons.push(`model: ${model.refusal.message}`)
  if (model.base !== undefined || model.isDelegate || model.subModels.length > 0) reasons.push('model: rows span the tables of a delegate')
  if (model.hasRowSecurity) reasons.push('model: native row-level security')
  for (const field of model.fields.values()) {
    if (field.isOpaque) reasons.push(`model: the stream does not say what "${field.name}" shows`)
    if (field.type === 'Enum' && field.isList && field.labels?.isMapped === true) {
      reasons.push(`model: "${field.name}" is a list of a mapped enum`)
      hasMappedList = true
    }
    const isFine = field.typmod < 0 || field.typmod > 3
    if (model.idFields.includes(field.name) && field.type === 'DateTime' && field.columnType !== 'date' && isFine) {
      reasons.push(`model: key "${field.name}" has microseconds that records do not show`)
    }
  }
  if (data.schema.provider.type !== 'postgresql') reasons.push('model: the schema is not for Postgres')
  return { reasons, hasMappedList }
}
