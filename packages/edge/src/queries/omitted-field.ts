import type { Model } from '@zenstack-live/model'

/**
 * Whether ZenStack leaves a field out of what it reads, where nothing selects it: as the query says, or else the client, or else the schema. Clients may
 * name the model in either way.
 *
 * @param omit - of the query
 */
export function isOmitted(model: Model, name: string, { omit, clientOptions }: { omit?: unknown; clientOptions: object }): boolean {
  const byClient: unknown = Reflect.get(clientOptions, 'omit')
  const ofModel = memberOf(byClient, model.name.slice(0, 1).toLowerCase() + model.name.slice(1)) ?? memberOf(byClient, model.name)
  const said = [memberOf(omit, name), memberOf(ofModel, name)].find((each): each is boolean => typeof each === 'boolean')
  return said ?? model.fields.get(name)?.isOmitted === true
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}
