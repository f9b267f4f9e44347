import type { DataModel, Model } from '@zenstack-live/model'
import { visitRules } from './policy/visit-rules.ts'

/**
 * The fields of a model that its rules name, of whatever kind and wherever in them. Some may be fields of another model that have the same name.
 */
export function fieldsInRules(data: DataModel, model: Model): ReadonlySet<string> {
  const names = new Set<string>()
  visitRules(data.schema.models[model.name] ?? { fields: {} }, (each) => {
    if (each.kind === 'field') names.add(each.field)
    if (each.kind === 'member') for (const member of each.members) names.add(member)
  })
  return new Set([...names].filter((name) => model.fields.has(name)))
}
