import type { WireQuery } from '@zenstack-live/protocol'
import { serialize } from '@zenstackhq/client-helpers/fetch'
import type { LiveChanges, LiveQuery } from './descriptor.ts'

export type AnyDescriptor = LiveQuery<unknown> | LiveChanges<unknown>

const WIRES = new WeakMap<AnyDescriptor, WireQuery>()

/** The query as it travels, made once for each descriptor. */
export function wireOf(query: AnyDescriptor): WireQuery {
  let wire = WIRES.get(query)
  if (wire === undefined) {
    const { data, meta } = query.args === undefined ? {} : serialize(query.args)
    wire = {
      model: query.model,
      operation: query.operation,
      ...(data === undefined ? {} : { args: data }),
      ...(meta === undefined ? {} : { meta }),
    }
    WIRES.set(query, wire)
  }
  return wire
}
