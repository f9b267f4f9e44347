import { decodeRow, parseExactChange, type Model, type StoredRow } from '@zenstack-live/model'
import { parseChangeEnvelope, type ChangeEntry, type EntryId, type RawRow } from '@zenstack-live/protocol'
import { lazyRowsOf } from '../lazy-row.ts'
import { peekChange } from './peek-change.ts'

const LONG_NUMBER = /\d{16}/
const COMMITTED_AT = '"ts_ms":'

/** Both images of a row; what there was or is none of is `null`. */
export interface ChangeRows {
  model: Model
  before: StoredRow | null
  after: StoredRow | null
}

interface RawImages {
  before: RawRow | null
  after: RawRow | null
}

/**
 * A change as all readers of this process share it: each part is parsed once, when the first of them looks at it.
 *
 * ```
 *   {"before":…,"after":…,"source":{…},"op":…}
 *    └── rows: for filters ──┘ └── table, op: peeked at; the time: for events ──┘
 * ```
 * Most changes concern few readers, and parsing a whole envelope costs twenty times as much as a look at its end.
 */
export class SharedChange {
  readonly entry: ChangeEntry
  /** The entry before it: everything up to there is done when this is the oldest unfinished one. */
  readonly previous: EntryId
  /** `schema.table`. */
  readonly table: string
  readonly op: string
  /** Where `source` begins in the text; `undefined` for texts of another shape, which have to be parsed whole. */
  readonly #sourceAt: number | undefined
  #raw: RawImages | undefined
  #lazy: ChangeRows | undefined
  #whole: ChangeRows | undefined

  constructor(entry: ChangeEntry, previous: EntryId) {
    this.entry = entry
    this.previous = previous
    const peek = peekChange(entry.value)
    this.#sourceAt = peek?.sourceAt
    if (peek !== undefined) {
      this.table = peek.table
      this.op = peek.op
      return
    }
    const { source, op } = parseChangeEnvelope(entry.value)
    this.table = `${source.schema}.${source.table}`
    this.op = op
  }

  /** When its transaction was committed. */
  get committedAtMs(): number {
    const text = this.entry.value
    if (this.#sourceAt === undefined) return parseChangeEnvelope(text).source.ts_ms
    return Number.parseInt(text.slice(text.indexOf(COMMITTED_AT, this.#sourceAt) + COMMITTED_AT.length).slice(0, 20), 10)
  }

  /** Both images, whose fields are decoded when they are looked at: most filters read one or two. Shared by streams of one model. */
  rows(model: Model): ChangeRows {
    if (this.#lazy?.model !== model) this.#lazy = this.#rowsBy(model, lazyRowsOf(model))
    return this.#lazy
  }

  /** Both images with all fields, for those who get the event. */
  wholeRows(model: Model): ChangeRows {
    if (this.#whole?.model !== model) this.#whole = this.#rowsBy(model, (raw) => decodeRow(model, raw))
    return this.#whole
  }

  /** Lets go of what was parsed: most readers have looked at it. Those who come later parse it again. */
  release(): void {
    this.#raw = this.#lazy = this.#whole = undefined
  }

  #rowsBy(model: Model, rowOf: (raw: RawRow) => StoredRow): ChangeRows {
    this.#raw ??= parseImages(this.entry.value, this.#sourceAt)
    const { before, after } = this.#raw
    return { model, before: before === null ? null : rowOf(before), after: after === null ? null : rowOf(after) }
  }
}

/** Reading numbers exactly costs ten times as much, and only rows need it: every `source` has timestamps of 16 digits. */
function parseImages(text: string, sourceAt: number | undefined): RawImages {
  const rows = sourceAt === undefined ? '' : text.slice(0, sourceAt - 1)
  if (!rows.startsWith('{"before":') || text[sourceAt === undefined ? -1 : sourceAt - 1] !== ',' || LONG_NUMBER.test(rows))
    return parseExactChange(text)
  const images: Partial<RawImages> = JSON.parse(`${rows}}`)
  return images.after === undefined ? parseExactChange(text) : { before: images.before ?? null, after: images.after }
}
