const SOURCE = '"source":{'
const SCHEMA = '"schema":"'
const TABLE = '"table":"'
const OP = '"op":"'
const QUOTE = 34

/** What a change is about, without reading its rows. */
export interface ChangePeek {
  /** `schema.table`. */
  table: string
  op: string
  /** Where `"source":` begins: the rows stand before it. */
  sourceAt: number
}

/**
 * Finds table and operation in the text of an envelope: most changes concern few readers, and parsing costs forty times as much.
 *
 * ```
 *  {"before":…,"after":…,"source":{…,"schema":"public","table":"Note",…},"transaction":null,"op":"c",…}
 *                        ▲           ▲                                                      ▲
 *                        └───────────┴── as far from the end as in the change before ───────┘
 * ```
 * Quotes inside strings are escaped, so a name with its quotes is the name of a member. `source` follows the rows and holds nothing
 * that a user wrote but names of tables: the last one of the text is the envelope's own. So is each that is followed by two closing
 * braces in all, its own and the envelope's: one in a row had that of the row as well. That is how a guess is proved.
 *
 * @returns `undefined` for texts of another shape: they have to be parsed
 */
export function peekChange(text: string): ChangePeek | undefined {
  return peekAsBefore(text) ?? search(text)
}

/** Where the members of the last change were, counted from the end of its text, and the names as they stand in it. */
let last = { source: 0, namesEnd: 0, op: 0, names: '', table: '' }

function peekAsBefore(text: string): ChangePeek | undefined {
  const { length } = text
  const [sourceAt, namesEnd, opAt] = [length - last.source, length - last.namesEnd, length - last.op]
  if (last.names === '' || !text.startsWith(SOURCE, sourceAt) || !text.startsWith(last.names, namesEnd - last.names.length)) return undefined
  const sourceEnd = text.indexOf('}', sourceAt)
  if (namesEnd > sourceEnd || sourceEnd > opAt || text.indexOf('}', sourceEnd + 1) !== length - 1) return undefined
  // Operations have one letter.
  if (!text.startsWith(OP, opAt) || text.charCodeAt(opAt + OP.length + 1) !== QUOTE) return undefined
  return { table: last.table, op: text.charAt(opAt + OP.length), sourceAt }
}

function search(text: string): ChangePeek | undefined {
  const { length } = text
  const sourceAt = text.lastIndexOf(SOURCE)
  if (sourceAt <= 0) return undefined
  const namesAt = text.indexOf(SCHEMA, sourceAt)
  const named = findTable(text, namesAt)
  const opAt = text.indexOf(OP, sourceAt)
  const op = member(text, OP, opAt)
  if (named === undefined || op === undefined) return undefined
  last = { ...named, source: length - sourceAt, namesEnd: length - namesAt - named.names.length, op: length - opAt }
  return { table: named.table, op, sourceAt }
}

/** The table, and its names as they stand in the text. */
function findTable(text: string, namesAt: number): { names: string; table: string } | undefined {
  if (namesAt < 0) return undefined
  if (last.names !== '' && text.startsWith(last.names, namesAt)) return last
  const schema = member(text, SCHEMA, namesAt)
  const table = member(text, TABLE, text.indexOf(TABLE, namesAt))
  if (schema === undefined || table === undefined) return undefined
  const names = `${SCHEMA}${schema}",${TABLE}${table}"`
  // Where something stands between them they are found each time.
  return { names: text.startsWith(names, namesAt) ? names : '', table: `${schema}.${table}` }
}

/** The text that follows the name at a place; `undefined` where it is not there, or not written as it is. */
function member(text: string, name: string, at: number): string | undefined {
  if (at < 0) return undefined
  const start = at + name.length
  const value = text.slice(start, text.indexOf('"', start))
  return value.includes('\\') ? undefined : value
}
