import { tableKey, type Model } from '@zenstack-live/model'
import { deserialize } from '@zenstackhq/client-helpers/fetch'
import { LiveError, queryId, queryText, type QueryId, type ResultShape, type WireQuery } from '@zenstack-live/protocol'
import type { Question } from './asker.ts'
import { completeArgs } from './complete-args.ts'
import type { EdgeContext } from './edge-context.ts'
import type { Identity } from './identity.ts'
import { operationNamed } from './parse-live-request.ts'
import { shapeOf } from './snapshot-frames.ts'

/** A query that was understood: what to ask, what it depends on, and how its rows are named. */
export interface PlannedQuery {
  readonly q: QueryId
  readonly text: string
  readonly model: Model
  readonly shape: ResultShape
  readonly question: Question
  /** Tables whose changes concern it. */
  readonly tables: ReadonlySet<string>
  /** `now()` decides: time alone may change the result. */
  readonly readsNow: boolean
  /** Fields asked for only to make the key. */
  readonly hiddenFields: ReadonlySet<string>
  /** The key goes out as a keyed hash: the reader does not see the id. */
  readonly isKeyHidden: boolean
  /** The policies let the id be read, so that rows can be told apart by it. */
  readonly isKeyReadable: boolean
  readonly sortOfRecord?: (record: Record<string, unknown>) => string
}

/** @throws {LiveError} `bad_json`, `unknown_model`, `unknown_operation`, `bad_arguments`, `too_large`, `not_live` or `table_refused` */
export function planQuery(context: EdgeContext, identity: Identity, wire: WireQuery): PlannedQuery {
  const { data, limits } = context
  const model = data.models.get(wire.model)
  if (model === undefined) throw new LiveError('unknown_model', `The schema has no model "${wire.model.slice(0, 100)}".`)
  const operation = operationNamed(wire.operation)
  const args = decodeArgs(wire)
  const { args: asked, hiddenFields } = completeArgs(data, {
    model,
    operation,
    args,
    clientOptions: identity.client.$options,
    maxRows: limits.maxSnapshotRows,
  })
  return {
    q: queryId(wire),
    text: queryText(wire),
    model,
    shape: shapeOf(operation),
    question: { model: wire.model, operation, args: asked },
    tables: new Set([...data.models.values()].map((one) => tableKey(one.table))),
    readsNow: false,
    hiddenFields,
    isKeyHidden: hiddenFields.size > 0,
    isKeyReadable: true,
  }
}

function decodeArgs(wire: WireQuery): unknown {
  if (wire.args === undefined || wire.args === null) return undefined
  try {
    return deserialize(wire.args, wire.meta)
  } catch (cause) {
    throw new LiveError('bad_json', `The arguments of ${wire.model}.${wire.operation} cannot be deserialized: ${String(cause)}`, { cause })
  }
}
