const SCHEMA = '"schema":"'
const TABLE = '"table":"'

/** What a change is about, without reading its rows. */
export interface ChangePeek {
  /** `schema.table`. */
  table: string
  op: string
  /** Where `"source":` begins: the rows stand before it. */
  sourceAt: number
}

/**
 * Finds table and operation in the text of an envelope: most changes concern few readers, and parsing costs twenty times as much.
 *
 * `source` follows the rows. Quotes inside strings are escaped, so the last `"source":{` of the text begins it; what follows holds
 * nothing that a user wrote but names of tables.
 *
 * @returns `undefined` for texts of another shape: they have to be parsed
 */
export function peekChange(text: string): ChangePeek | undefined {
  const source = text.lastIndexOf('"source":{')
  if (source <= 0) return undefined
  const table = peekTable(text, source)
  const op = member(text, '"op":"', source)
  return table === undefined || op === undefined ? undefined : { table, op, sourceAt: source }
}

/** The names that were read last, as they stand in the text: those of the next change are the same, more often than not. */
let known = { names: '', table: '' }

function peekTable(text: string, source: number): string | undefined {
  const at = text.indexOf(SCHEMA, source)
  if (at < 0) return undefined
  if (known.names !== '' && text.startsWith(known.names, at)) return known.table
  const schema = member(text, SCHEMA, at)
  const table = member(text, TABLE, at)
  if (schema === undefined || table === undefined) return undefined
  const names = `${SCHEMA}${schema}",${TABLE}${table}"`
  if (text.startsWith(names, at)) known = { names, table: `${schema}.${table}` }
  return `${schema}.${table}`
}

function member(text: string, opening: string, from: number): string | undefined {
  const at = text.indexOf(opening, from)
  if (at < 0) return undefined
  const start = at + opening.length
  const value = text.slice(start, text.indexOf('"', start))
  return value.includes('\\') ? undefined : value
}
