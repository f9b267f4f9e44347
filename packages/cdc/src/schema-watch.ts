import { tableName, type CapturedTable } from './captured-table.ts'
import { readPublication, readTables, readTypes, tableShape, type PublicationFacts, type TableFacts } from './database/catalog.ts'
import type { Query } from './database/query.ts'
import type { Types } from './encode/column-codec.ts'
import { createTableEncoder, type TableEncoder } from './encode/table-encoder.ts'
import { shapeHash } from './memory.ts'
import type { RelationMessage } from './pgoutput/messages.ts'

/** How the captured tables looked, by `schema.table`: hashes, to be remembered from one start to the next. */
export interface Shapes {
  /** In the catalog. Every change of a column counts, also one that was taken back: it may have changed rows. */
  catalog: Record<string, string>
  /** In the stream, which may still be at an older time. */
  stream: Record<string, string>
}

/** What was remembered of these tables. What it told of others is forgotten: while they are not captured, their changes are passed over. */
export function shapesOf(shapes: Shapes | undefined, tables: readonly CapturedTable[]): Shapes | undefined {
  if (shapes === undefined) return undefined
  const names = new Set(tables.map(tableName))
  const pick = (all: Record<string, string>): Record<string, string> => Object.fromEntries(Object.entries(all).filter(([name]) => names.has(name)))
  return { catalog: pick(shapes.catalog), stream: pick(shapes.stream) }
}

/** What the catalog and the stream say of the captured tables, and what of it has changed since they were last looked at. */
export class SchemaWatch {
  readonly #query: Query
  readonly #captured: ReadonlyMap<string, CapturedTable>
  readonly #publicationName: string
  readonly #shapes: Shapes
  /** Something was captured before: a table that is new to it may have readers all the same, to whom its changes were not told. */
  readonly #hasMemory: boolean
  #facts = new Map<string, TableFacts>()
  #types: Types = new Map()

  /** @param shapes - what was remembered from the last start, so that a change in between is noticed */
  constructor(query: Query, tables: readonly CapturedTable[], publication: string, shapes?: Shapes) {
    this.#query = query
    this.#captured = new Map(tables.map((table) => [tableName(table), table]))
    this.#publicationName = publication
    this.#hasMemory = shapes !== undefined
    this.#shapes = { catalog: { ...shapes?.catalog }, stream: { ...shapes?.stream } }
  }

  get shapes(): Shapes {
    return { catalog: { ...this.#shapes.catalog }, stream: { ...this.#shapes.stream } }
  }

  /** The captured tables that are there, as the catalog was last read. */
  get tables(): readonly TableFacts[] {
    return [...this.#facts.values()]
  }

  isCaptured(relation: RelationMessage): boolean {
    return this.#captured.has(tableName(relation))
  }

  /** Whether the catalog, as last read, explains this relation. */
  knows(relation: RelationMessage): boolean {
    const facts = this.#facts.get(tableName(relation))
    if (facts === undefined || facts.oid !== relation.oid) return false
    const columns = new Map(facts.columns.map((column) => [column.name, column]))
    return relation.columns.every(({ name, typeOid, typmod }) => {
      const column = columns.get(name)
      return column !== undefined && column.typeOid === typeOid && column.typmod === typmod && this.#types.has(typeOid)
    })
  }

  /** Notes how a relation looks in the stream. @returns whether it looked different before */
  noticeRelation(relation: RelationMessage): boolean {
    return noticeShape(this.#shapes.stream, tableName(relation), JSON.stringify(relation))
  }

  encoder(relation: RelationMessage): TableEncoder | undefined {
    const name = tableName(relation)
    const table = this.#captured.get(name)
    return table === undefined ? undefined : createTableEncoder(relation, this.#facts.get(name), this.#types, table)
  }

  /**
   * Reads the catalog again.
   *
   * @param typeOids - further types that a relation names
   * @returns the tables that look different than before, as `schema.table`
   */
  async refresh(typeOids: readonly number[] = []): Promise<string[]> {
    const [tables, publication] = [
      await readTables(this.#query, [...this.#captured.values()]),
      await readPublication(this.#query, this.#publicationName),
    ]
    const oids = new Set([...typeOids, ...tables.flatMap((table) => table.columns.map((column) => column.typeOid))])
    if ([...oids].some((oid) => !this.#types.has(oid))) this.#types = await readTypes(this.#query, [...oids, ...this.#types.keys()])
    this.#facts = new Map(tables.map((table) => [tableName(table), table]))
    return [...this.#captured.keys()].filter((name) => this.#notice(name, publication))
  }

  #notice(name: string, publication: PublicationFacts | undefined): boolean {
    const facts = this.#facts.get(name)
    const membership = publication?.tables.get(name)
    const isWhole = publication?.publishesEverything === true && publication.members.every((one) => tableName(one) !== name || !one.isPartial)
    const published = membership === undefined ? 'unpublished' : isWhole ? String(membership) : `${membership} in part`
    const isNew = this.#hasMemory && this.#shapes.catalog[name] === undefined
    return noticeShape(this.#shapes.catalog, name, facts === undefined ? 'gone' : `${tableShape(facts)} ${published}`) || isNew
  }
}

/** What is seen for the first time is no change. */
function noticeShape(shapes: Record<string, string>, name: string, text: string): boolean {
  const before = shapes[name]
  const shape = shapeHash(text)
  shapes[name] = shape
  return before !== undefined && before !== shape
}
