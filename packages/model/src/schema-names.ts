import type { AttributeApplication, ModelDef, SchemaDef } from '@zenstackhq/schema'
import type { TableName } from './data-model.ts'

/** The string that an attribute gives under this argument name, as `@@map(name: "…")`. */
export function attributeText(attributes: readonly AttributeApplication[] | undefined, attribute: string, argument: string): string | undefined {
  const value = attributes?.find((each) => each.name === attribute)?.args?.find((each) => each.name === argument)?.value
  return value?.kind === 'literal' && typeof value.value === 'string' ? value.value : undefined
}

/** The table of a model. */
export function tableNameOf(schema: SchemaDef, model: ModelDef): TableName {
  return {
    schema: attributeText(model.attributes, '@@schema', 'map') ?? schema.provider.defaultSchema ?? 'public',
    name: attributeText(model.attributes, '@@map', 'name') ?? model.name,
  }
}
