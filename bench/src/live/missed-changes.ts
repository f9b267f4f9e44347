import { createSseDecoder, decodeFrame, type Frame } from '@zenstack-live/protocol'
import type { DatabaseHistory } from './database-history.ts'
import { afterOf, changesIn } from './frame-rows.ts'
import type { State, Version } from './readable-history.ts'
import { rowsIn } from './rows-in.ts'
import type { StudioPolicies } from './studio-policies.ts'
import type { AskedQuery } from './client-network.ts'
import type { Watcher } from './watcher.ts'

/*
 * Changes that `$changes` owes a reader. Of each row, the last change counts: replays tell no other. It is owed where the row changed, what the
 * reader may read of it changed with it, and memory decides who may: the database cannot be asked about what has moved on. That it is gone is owed
 * to who was told what it was.
 */

export interface MissedChangesOptions {
  readonly history: DatabaseHistory
  readonly policies: Pick<StudioPolicies, 'schema' | 'time' | 'guardedIds'>
}

/** What a client should have been told by the last of its streams, while nobody writes. In words. */
export function missedChanges({ user, answers, asked }: Pick<Watcher, 'user' | 'answers' | 'asked'>, options: MissedChangesOptions): string[] {
  const frames = answers.filter((answer) => answer.user === user).map(({ chunks }) => framesIn(chunks.map(({ text }) => text).join('')))
  return [...asked].flatMap(([q, query]) => {
    // Only where memory decides everything may deletions be asked for.
    if (query.operation !== '$changes' || !('deleted' in query.args)) return []
    if (query.model === 'Task' && options.policies.time !== undefined) return []
    const told = toldSince(frames, { q, model: query.model }, options)
    return told === undefined ? [] : owed(query, told, { ...options, user }).map((what) => `${query.model}.$changes: ${what}`)
  })
}

interface Told {
  readonly since: State
  readonly rows: { readonly state: State; readonly fields: ReadonlyMap<string, string>; readonly isDeleted: boolean }[]
}

/** By the last stream that a query had. Nothing where it ended. */
function toldSince(
  answers: readonly (readonly Frame[])[],
  { q, model }: { q: string; model: string },
  { history, policies }: MissedChangesOptions,
): Told | undefined {
  const own = answers.map((frames) => frames.filter((frame) => 'q' in frame && frame.q === q)).findLast((frames) => frames.length > 0)
  let told: Told | undefined
  for (const frame of own ?? []) {
    if (frame.event === 'ready') told = { since: history.lastStateOf(frame.at), rows: [] }
    else if (frame.event !== 'changes') told = undefined
    else
      for (const change of changesIn(frame)) {
        const record = change.type === 'deleted' ? change.deleted : afterOf(change)
        const [row] = rowsIn(policies.schema, model, Object(record) as object)
        if (row !== undefined) told?.rows.push({ state: history.stateOf(frame.at), fields: row.fields, isDeleted: change.type === 'deleted' })
      }
  }
  return told
}

function owed({ model }: AskedQuery, { since, rows }: Told, { history, policies, user }: MissedChangesOptions & Pick<Watcher, 'user'>): string[] {
  const mine = history.of(user)
  // An update that leaves a row as it is gives what a replay tells of it a later place.
  const isTold = (state: State, isDeleted: boolean, fields: ReadonlyMap<string, string>): boolean =>
    rows.some((row) => row.state >= state && row.isDeleted === isDeleted && [...fields].every(([name, text]) => row.fields.get(name) === text))
  const lastOfKey = new Map<string, Version>(
    history.all.versionsOf(model).flatMap((version) => (version.key === undefined ? [] : [[version.key, version]])),
  )
  return [...lastOfKey].flatMap(([key, { from, to }]) => {
    if (to === history.last) {
      const seen = mine.versionAt(model, key, to)
      if (from <= since || seen?.from !== from || isTold(from, false, seen.fields)) return []
      // Of what is again as it was when the stream began, a replay tells nothing: nothing became of it.
      if (isAlike(mine.versionAt(model, key, since)?.fields, seen.fields)) return []
      return [`${key} as it is since state ${from}: ${JSON.stringify([...seen.fields])}`]
    }
    const gone = to + 1
    const was = mine.versionAt(model, key, to)
    const isKept = policies.guardedIds.has(model.toLowerCase()) || membersChangedIn(gone, history)
    // What came and went while a stream was held, or cut, is told by nobody.
    const isKnown = was !== undefined && isTold(was.from, false, was.fields)
    if (gone <= since || !isKnown || isKept || isTold(gone, true, new Map([['id', key]]))) return []
    return [`${key}, deleted in state ${gone}`]
  })
}

function isAlike(one: ReadonlyMap<string, string> | undefined, other: ReadonlyMap<string, string>): boolean {
  return one?.size === other.size && [...one].every(([name, text]) => other.get(name) === text)
}

/** Whom a membership reached before such a transaction, memory cannot say. */
function membersChangedIn(state: State, { all, last }: DatabaseHistory): boolean {
  return all.versionsOf('Member').some(({ from, to }) => from === state || (to + 1 === state && to < last))
}

function framesIn(text: string): Frame[] {
  return createSseDecoder()
    .feed(text)
    .flatMap(({ event, data }) => (data === undefined ? undefined : decodeFrame(event, data)) ?? [])
}
