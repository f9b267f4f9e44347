import type { SeenRow } from './rows-in.ts'

/** A place in the history of the database: how many commits there were before. */
export type State = number

/** A row that somebody could read, as it was from one state to another, both included. */
export interface Version {
  /** Where it was told. */
  readonly key: string | undefined
  readonly fields: SeenRow['fields']
  readonly from: State
  to: State
}

/** Which versions of rows one person could read, and when. */
export interface ReadableHistory {
  /** What they read in this state, which follows the last one that was noted. */
  note(state: State, rows: readonly SeenRow[]): void
  /**
   * Whether there was a version of such a row, in one of these states, that holds all of these fields.
   *
   * @param key - of the row, where it is told
   */
  holds(row: SeenRow & { readonly key?: string | undefined }, from: State, to: State): boolean
  /**
   * The most rows of a model that could be read in one of these states.
   *
   * @param isInside - in other rows, where other rules may hold
   */
  mostRows(model: string, from: State, to: State, isInside?: boolean): number
  /** All there were of a model, each key's in their order. */
  versionsOf(model: string): readonly Version[]
  /** Those that stand in one state. */
  versionsAt(model: string, state: State): readonly Version[]
  versionAt(model: string, key: string, state: State): Version | undefined
  /** Whether a row of this key, of any model, was there in one of these states. */
  hasKey(key: string, from: State, to: State): boolean
}

/** In the place of a key: all of them. */
const ANY = 'any row'

export function createReadableHistory(): ReadableHistory {
  const versions = new Map<string, Map<string, Version[]>>()
  /** The last of each text. */
  const latest = new Map<string, Version>()
  const keys = new Map<string, Version[]>()

  const add = (place: string, version: Version): void => {
    const { key } = version
    const ofModel = versions.get(place) ?? new Map<string, Version[]>()
    versions.set(place, ofModel)
    for (const bucket of [ANY, ...(key === undefined ? [] : [key])]) pushTo(ofModel, bucket, version)
    if (key !== undefined && !place.startsWith(INSIDE)) pushTo(keys, key, version)
  }

  return {
    note(state, rows) {
      for (const { model, fields, isInside } of rows) {
        const place = placeOf(model, isInside)
        const text = `${place} ${JSON.stringify([...fields])}`
        const last = latest.get(text)
        if (last !== undefined && last.to >= state - 1) last.to = state
        else {
          const version: Version = { key: keyOf(fields), fields, from: state, to: state }
          latest.set(text, version)
          add(place, version)
        }
      }
    },
    holds({ model, fields, isInside, key = keyOf(fields) }, from, to) {
      const places = isInside ? [placeOf(model, true), placeOf(model, false)] : [placeOf(model, false)]
      return places.some((place) =>
        versions
          .get(place)
          ?.get(key ?? ANY)
          ?.some((version) => stands(version, from, to) && [...fields].every(([name, text]) => version.fields.get(name) === text)),
      )
    },
    mostRows(model, from, to, isInside = false) {
      const places = isInside ? [placeOf(model, true), placeOf(model, false)] : [placeOf(model, false)]
      const known = places.flatMap((place) => versions.get(place)?.get(ANY) ?? []).filter((version) => stands(version, from, to))
      // It rises only where one begins.
      const states = new Set([from, ...known.map((version) => Math.max(version.from, from))])
      const rowsIn = (state: State): number => new Set(known.filter((each) => stands(each, state, state)).map((each) => each.key ?? each)).size
      return Math.max(...[...states].map(rowsIn))
    },
    versionsOf: (model) => versions.get(placeOf(model, false))?.get(ANY) ?? [],
    versionsAt(model, state) {
      return this.versionsOf(model).filter((version) => stands(version, state, state))
    },
    versionAt: (model, key, state) =>
      versions
        .get(placeOf(model, false))
        ?.get(key)
        ?.find((version) => stands(version, state, state)),
    hasKey: (key, from, to) => keys.get(key)?.some((version) => stands(version, from, to)) === true,
  }
}

const INSIDE = 'inside '

function pushTo(buckets: Map<string, Version[]>, name: string, version: Version): void {
  const bucket = buckets.get(name)
  if (bucket === undefined) buckets.set(name, [version])
  else bucket.push(version)
}

function placeOf(model: string, isInside: boolean): string {
  return isInside ? `${INSIDE}${model}` : model
}

function stands(version: Version, from: State, to: State): boolean {
  return version.from <= to && version.to >= from
}

/** As frames say it: members are known by their space and their user. */
export function keyOf(fields: SeenRow['fields']): string | undefined {
  const [id, spaceId, userId] = ['id', 'spaceId', 'userId'].map((name) => fields.get(name))
  return id ?? (spaceId === undefined || userId === undefined ? undefined : JSON.stringify([spaceId, userId]))
}
