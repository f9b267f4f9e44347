import type { DataModel, Model } from '@zenstack-live/model'
import { visitRules } from './policy/visit-rules.ts'

/**
 * The fields of a model that rules name, of whatever kind and wherever in them. Some may be fields of another model that have the same name.
 *
 * @param models - whose rules: its own, and those of models whose rules it is read by, as they may lead back to it
 */
export function fieldsInRules(data: DataModel, model: Model, models: Iterable<string>): ReadonlySet<string> {
  const names = new Set<string>()
  for (const name of models) {
    visitRules(data.schema.models[name] ?? { fields: {} }, (each) => {
      if (each.kind === 'field') names.add(each.field)
      if (each.kind === 'member') for (const member of each.members) names.add(member)
    })
  }
  return new Set([...names].filter((name) => model.fields.has(name)))
}
