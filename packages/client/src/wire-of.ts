import type { WireQuery } from '@zenstack-live/protocol'
import { serialize } from '@zenstackhq/client-helpers/fetch'
import type { LiveChanges, LiveQuery } from './descriptor.ts'

export type AnyDescriptor = LiveQuery<unknown> | LiveChanges<unknown>

const WIRES = new WeakMap<AnyDescriptor, WireQuery>()

/** The query as it travels, made once for each descriptor. */
export function wireOf(query: AnyDescriptor): WireQuery {
  let wire = WIRES.get(query)
  if (wire === undefined) {
    const { model, operation } = query
    const { data: args, meta } = query.args === undefined ? {} : serialize(query.args)
    // Members that are `undefined` are not sent.
    wire = { model, operation, args, meta }
    WIRES.set(query, wire)
  }
  return wire
}
