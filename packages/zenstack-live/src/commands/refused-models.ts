import type { CapturedTable } from '@zenstack-live/cdc'
import type { DataModel } from '@zenstack-live/model'

export interface RefusedModel {
  message: string
  cure: string
}

/** Models of which the capture takes nothing, and why. */
export function refusedModels(data: DataModel, tables: readonly CapturedTable[]): RefusedModel[] {
  return [...data.models.values()].flatMap(({ name, table: own, refusal }) => {
    if (refusal === undefined || tables.some((table) => table.schema === own.schema && table.name === own.name)) return []
    return [{ message: `${name} cannot be live: ${refusal.message}`, cure: refusal.cure }]
  })
}
