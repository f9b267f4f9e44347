import { parseExactChange, type Model, type StoredRow } from '@zenstack-live/model'
import { parseChangeEnvelope, type ChangeEntry, type EntryId, type RawRow } from '@zenstack-live/protocol'
import { lazyRowsOf } from './lazy-row.ts'
import { peekChange } from './peek-change.ts'

const BEFORE = '{"before":'
const CREATED = '{"before":null,"after":'
const AFTER = ',"after":'
const COMMITTED_AT = '"ts_ms":'
const [ZERO, NINE, OPEN_OBJECT] = [48, 57, 123]

/** Both images of a row; what there was or is none of is `null`. A class for the reason that entries restored from the log have one. */
export class ChangeRows {
  readonly model: Model
  readonly before: StoredRow | null
  readonly after: StoredRow | null

  constructor(model: Model, before: StoredRow | null, after: StoredRow | null) {
    this.model = model
    this.before = before
    this.after = after
  }
}

export type Side = 'before' | 'after'

type RawImages = Record<Side, RawRow | null>

/**
 * A change as all readers of this process share it: each part is parsed once, when the first of them looks at it.
 *
 * ```
 *   {"before":…,"after":…,"source":{…},"op":…}
 *    └── rows: for filters ──┘ └── table, op: peeked at; the time: for events ──┘
 * ```
 * Most changes concern few readers, most filters read one or two fields, and parsing a whole envelope costs twenty times as much as a
 * look at its end.
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
    let ms = 0
    for (let at = text.indexOf(COMMITTED_AT, this.#sourceAt) + COMMITTED_AT.length; ; at++) {
      const code = text.charCodeAt(at)
      if (!(code >= ZERO && code <= NINE)) return ms
      ms = ms * 10 + code - ZERO
    }
  }

  /** Both images, whose fields are read and decoded when they are looked at. Shared by streams of one model. */
  rows(model: Model): ChangeRows {
    if (this.#lazy?.model !== model) this.#lazy = this.#lazyRows(model)
    return this.#lazy
  }

  /** Both images with all their columns, not decoded: for those who get the event. */
  images(): RawImages {
    if (this.#raw === undefined) {
      this.#raw = parseImages(this.entry.value, this.#sourceAt)
      keepParsed(this)
    }
    return this.#raw
  }

  /** Lets go of what was parsed; who comes later parses it again. */
  release(): void {
    this.#raw = this.#lazy = undefined
  }

  #lazyRows(model: Model): ChangeRows {
    const rowOf = lazyRowsOf(model)
    const text = this.entry.value
    const afterAt = this.#afterAt()
    const hasBefore = afterAt === undefined ? this.images().before !== null : isObject(text, BEFORE.length)
    const hasAfter = afterAt === undefined ? this.images().after !== null : isObject(text, afterAt)
    return new ChangeRows(
      model,
      hasBefore ? rowOf(this, 'before', afterAt === undefined ? undefined : BEFORE.length) : null,
      hasAfter ? rowOf(this, 'after', afterAt) : null,
    )
  }

  /** Where the second image begins in the text; `undefined` where only parsing tells: a column has the name as well. */
  #afterAt(): number | undefined {
    const text = this.entry.value
    if (text.startsWith(CREATED)) return CREATED.length
    if (this.#sourceAt === undefined || !text.startsWith(BEFORE)) return undefined
    // Quotes inside strings are escaped: this is the name of a member, here or in a row.
    const at = text.indexOf(AFTER, BEFORE.length)
    return at > 0 && at === text.lastIndexOf(AFTER, this.#sourceAt) ? at + AFTER.length : undefined
  }
}

function isObject(text: string, at: number): boolean {
  return text.charCodeAt(at) === OPEN_OBJECT
}

/** Changes that stay parsed, and characters of them, for the other readers that look at them about now: as text they take a third of the memory. */
const MAX_PARSED = 1_000
const MAX_PARSED_CHARS = 4 * 1024 * 1024
// In the order in which they were parsed.
const parsed = new Set<SharedChange>()
let parsedChars = 0

function keepParsed(change: SharedChange): void {
  parsed.add(change)
  parsedChars += change.entry.value.length
  for (const oldest of parsed) {
    // The newest stays, whatever its size.
    if (oldest === change || (parsed.size <= MAX_PARSED && parsedChars <= MAX_PARSED_CHARS)) return
    parsed.delete(oldest)
    parsedChars -= oldest.entry.value.length
    oldest.release()
  }
}

/** Reading numbers exactly costs ten times as much, and few rows hold one that a double does not. */
function parseImages(text: string, sourceAt: number | undefined): RawImages {
  const rows = sourceAt === undefined ? '' : text.slice(0, sourceAt - 1)
  if (!rows.startsWith(BEFORE) || text[sourceAt === undefined ? -1 : sourceAt - 1] !== ',') return parseExactChange(text)
  const { before = null, after }: Partial<RawImages> = JSON.parse(`${rows}}`)
  return after === undefined || mayBeRounded(before) || mayBeRounded(after) ? parseExactChange(text) : { before, after }
}

function mayBeRounded(value: unknown): boolean {
  if (typeof value === 'number') return Number.isInteger(value) && !Number.isSafeInteger(value)
  return typeof value === 'object' && value !== null && Object.values(value).some(mayBeRounded)
}
