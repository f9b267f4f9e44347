import { deserialize } from '@zenstackhq/client-helpers/fetch'
import type { Frame, QueryId, ResultOperation } from '@zenstack-live/protocol'
import type { State } from './readable-history.ts'

/*
 * A change only in what a reader cannot see sends nothing. So what an operation says of a row is not what the query was told of it before,
 * on this connection: of a row that it brought along from an earlier one nothing is known until it is told again.
 *
 *   update, move   tell a field that is another now, or another place
 *   enter          tells a row that the query did not have; where the query went on from an earlier connection, perhaps one that it has
 *   value          tells another value
 *
 * A place given by an index counts as another: what stands before it is not followed here.
 */

/** Follows what one person was told on one client, answer by answer. */
export interface Restatements {
  /** Another connection begins. */
  begin(): void
  /** @returns what was told though it is as it was, in words */
  restatedIn(frame: Frame): string[]
  /** The state after which a row's change had not been told yet: that of its last one, or of where the query's stream began. */
  untoldSince(q: QueryId, key: string | undefined): State
  /** A row's change was told. */
  tell(q: QueryId, key: string | undefined, at: State): void
}

interface ToldRow {
  readonly fields: Map<string, string>
  sort: string | undefined
}

interface Followed {
  readonly rows: Map<string, ToldRow>
  readonly isResumed: boolean
  value: string | undefined
  /** Of changes: where its stream began, and of each row the last one. */
  readonly since: State
  readonly told: Map<string, State>
}

export function createRestatements({ stateOf }: { stateOf(entry: string): State }): Restatements {
  const followed = new Map<QueryId, Followed>()
  const follow = (q: QueryId, since: State, isResumed: boolean): Followed => {
    const known: Followed = { rows: new Map(), isResumed, value: undefined, since, told: new Map() }
    followed.set(q, known)
    return known
  }
  return {
    begin: () => followed.clear(),
    untoldSince(q, key) {
      const known = followed.get(q)
      return known === undefined ? -1 : ((key === undefined ? undefined : known.told.get(key)) ?? known.since)
    },
    tell(q, key, at) {
      if (key !== undefined) followed.get(q)?.told.set(key, at)
    },
    restatedIn(frame) {
      if (frame.event === 'snapshot') {
        const before = followed.get(frame.q)
        const known = frame.part === 0 || before === undefined ? follow(frame.q, stateOf(frame.at), false) : before
        if (frame.shape === 'value') known.value = textOf(deserialize(frame.value, frame.meta))
        else for (const { key, row, sort } of deserialize(frame.rows, frame.meta) as typeof frame.rows) known.rows.set(key, toldRow(row, sort))
      } else if (frame.event === 'reset' && frame.q !== undefined) followed.delete(frame.q)
      else if (frame.event === 'ready' && !followed.has(frame.q)) follow(frame.q, stateOf(frame.at), true)
      else if (frame.event === 'change') {
        const known = followed.get(frame.q) ?? follow(frame.q, -1, true)
        const operations = deserialize(frame.ops, frame.meta) as ResultOperation[]
        if (operations.length === 0) return ['a change of nothing']
        return operations.filter((operation) => isRestated(known, operation)).map(({ op }) => `an ${op} that tells what was told before`)
      } else if (frame.event === 'changes' && frame.changes.length === 0) return ['no changes at all']
      return []
    },
  }
}

/** Takes the operation in as well. */
function isRestated(known: Followed, operation: ResultOperation): boolean {
  if (operation.op === 'value') {
    const [before, value] = [known.value, textOf(operation.value)]
    known.value = value
    return before === value
  }
  if (operation.op === 'leave') {
    known.rows.delete(operation.key)
    return false
  }
  const { key, sort, index } = operation
  const row = known.rows.get(key)
  const now = toldRow(operation.op === 'enter' ? operation.row : operation.op === 'update' ? operation.set : {}, sort)
  const isSame = row !== undefined && index === undefined && isIn(now, row)
  if (row === undefined || operation.op === 'enter') known.rows.set(key, now)
  else {
    for (const [name, text] of now.fields) row.fields.set(name, text)
    row.sort = sort ?? row.sort
  }
  return isSame && !(operation.op === 'enter' && known.isResumed)
}

function isIn({ fields, sort }: ToldRow, row: ToldRow): boolean {
  return (sort === undefined || sort === row.sort) && [...fields].every(([name, text]) => row.fields.get(name) === text)
}

function toldRow(row: unknown, sort: string | undefined): ToldRow {
  return { fields: new Map(Object.entries(Object(row) as object).map(([name, value]) => [name, textOf(value)])), sort }
}

/** That it is not there is a value, too. */
function textOf(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? `${each}n` : each)) ?? 'undefined'
}
