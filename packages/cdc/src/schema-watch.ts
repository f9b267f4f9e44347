import { tableName, type CapturedTable } from './captured-table.ts'
import { readPublication, readTables, readTypes, tableShape, type PublicationFacts, type TableFacts } from './database/catalog.ts'
import type { Query } from './database/query.ts'
import type { Types } from './encode/column-codec.ts'
import { createTableEncoder, type TableEncoder } from './encode/table-encoder.ts'
import { shapeHash } from './memory.ts'
import type { RelationMessage } from './pgoutput/messages.ts'

/** What the catalog says of the captured tables, and what of it has changed since it was last looked at. */
export class SchemaWatch {
  readonly #query: Query
  readonly #captured: ReadonlyMap<string, CapturedTable>
  readonly #publicationName: string
  readonly #shapes: Record<string, string>
  #facts = new Map<string, TableFacts>()
  #types: Types = new Map()

  /** @param shapes - what was remembered from the last start, so that a change in between is noticed */
  constructor(query: Query, tables: readonly CapturedTable[], publication: string, shapes: Record<string, string> = {}) {
    this.#query = query
    this.#captured = new Map(tables.map((table) => [tableName(table), table]))
    this.#publicationName = publication
    this.#shapes = { ...shapes }
  }

  get shapes(): Record<string, string> {
    return { ...this.#shapes }
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
    const shape = shapeHash(facts === undefined ? 'gone' : `${tableShape(facts)} ${membership ?? 'unpublished'}`)
    const before = this.#shapes[name]
    this.#shapes[name] = shape
    // A table that is seen for the first time has no readers yet.
    return before !== undefined && before !== shape
  }
}
