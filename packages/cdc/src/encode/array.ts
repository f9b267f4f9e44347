/**
 * The text of a Postgres array as JSON, each element by `encode`. More dimensions nest.
 *
 * @param delimiter - `,` for every type but `box`
 * @see https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
 */
export function encodeArray(text: string, encode: (element: string) => string, delimiter = ','): string {
  // Bounds other than 1 stand in front, as in `[0:2]={…}`; JSON has no place for them.
  let at = text.charCodeAt(0) === BRACKET ? text.indexOf('=') + 1 : 0
  const isDelimiter = delimiter.charCodeAt(0)

  const element = (): string => {
    if (text.charCodeAt(at) === OPEN) return list()
    if (text.charCodeAt(at) === QUOTE) return encode(quoted())
    const start = at
    while (at < text.length && text.charCodeAt(at) !== isDelimiter && text.charCodeAt(at) !== CLOSE) at++
    const bare = text.slice(start, at)
    return bare === 'NULL' ? 'null' : encode(bare)
  }
  const quoted = (): string => {
    let value = ''
    let start = ++at
    for (;;) {
      const code = text.charCodeAt(at)
      if (code === QUOTE || at >= text.length) break
      if (code === BACKSLASH) {
        value += text.slice(start, at)
        start = at + 1
        at++
      }
      at++
    }
    value += text.slice(start, at)
    at++
    return value
  }
  const list = (): string => {
    let json = '['
    at++
    while (at < text.length && text.charCodeAt(at) !== CLOSE) {
      if (json.length > 1) json += ','
      json += element()
      if (text.charCodeAt(at) === isDelimiter) at++
    }
    at++
    return `${json}]`
  }
  return list()
}

const OPEN = 123
const CLOSE = 125
const QUOTE = 34
const BACKSLASH = 92
const BRACKET = 91
