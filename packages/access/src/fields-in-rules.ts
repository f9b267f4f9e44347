import type { DataModel, Model } from '@zenstack-live/model'
import { visit } from './policy/auth-expressions.ts'

/**
 * The fields of a model that its rules name, of whatever kind and wherever in them. Some may be fields of another model that have the same name.
 */
export function fieldsInRules(data: DataModel, model: Model): ReadonlySet<string> {
  const names = new Set<string>()
  const definition = data.schema.models[model.name]
  const fields = Object.values(definition?.fields ?? {})
  for (const { name, args = [] } of [...(definition?.attributes ?? []), ...fields.flatMap((field) => field.attributes ?? [])]) {
    if (!/^@@?(allow|deny)$/.test(name)) continue
    for (const { value } of args) {
      visit(value, (each) => {
        if (each.kind === 'field') names.add(each.field)
        if (each.kind === 'member') for (const member of each.members) names.add(member)
      })
    }
  }
  return new Set([...names].filter((name) => model.fields.has(name)))
}
