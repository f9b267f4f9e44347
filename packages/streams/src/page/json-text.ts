const [QUOTE, BACKSLASH, COLON, COMMA] = [34, 92, 58, 44]
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [91, 93, 123, 125]
const INTEGER = /^-?\d+$/

/**
 * One scalar member of a JSON object without white space, read where it stands: parsing the whole object costs ten times as much.
 * Integers beyond 2^53 become bigint.
 *
 * @param at - where the object begins
 * @returns `undefined` where this is not enough (no such member, a list, an escaped name): the text has to be parsed
 */
export function scalarMember(text: string, at: number, name: string): unknown {
  let nameAt = at + 1
  for (;;) {
    if (text.charCodeAt(nameAt) !== QUOTE) return undefined
    const nameEnd = text.indexOf('"', nameAt + 1)
    if (text.charCodeAt(nameEnd + 1) !== COLON) return undefined
    const valueAt = nameEnd + 2
    const end = endOfValue(text, valueAt)
    if (nameEnd - nameAt - 1 === name.length && text.startsWith(name, nameAt + 1)) return readScalar(text, valueAt, end)
    if (text.charCodeAt(end) !== COMMA) return undefined
    nameAt = end + 1
  }
}

/** Just behind the JSON value that begins at `at`. */
export function endOfValue(text: string, at: number): number {
  const first = text.charCodeAt(at)
  if (first === QUOTE) return endOfString(text, at)
  let depth = first === OPEN_OBJECT || first === OPEN_LIST ? 1 : 0
  for (let index = depth === 0 ? at : at + 1; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code === QUOTE) index = endOfString(text, index) - 1
    else if (code === OPEN_OBJECT || code === OPEN_LIST) depth++
    else if (code === CLOSE_OBJECT || code === CLOSE_LIST) {
      if (depth === 0) return index
      if (--depth === 0) return index + 1
    } else if (code === COMMA && depth === 0) return index
  }
  return text.length
}

/** Just behind the closing quote of the string that opens at `at`. */
function endOfString(text: string, at: number): number {
  for (let quote = text.indexOf('"', at + 1); quote > 0; quote = text.indexOf('"', quote + 1)) {
    let before = quote - 1
    while (text.charCodeAt(before) === BACKSLASH) before--
    // An even number of backslashes before it: they escape each other.
    if ((quote - before) % 2 === 1) return quote + 1
  }
  return text.length
}

function readScalar(text: string, at: number, end: number): unknown {
  const value = text.slice(at, end)
  switch (text.charCodeAt(at)) {
    case QUOTE:
      return value.includes('\\') ? JSON.parse(value) : value.slice(1, -1)
    case OPEN_OBJECT:
    case OPEN_LIST:
      return undefined
    default:
      return value === 'null' || value === 'true' || value === 'false' ? JSON.parse(value) : readNumber(value)
  }
}

function readNumber(text: string): number | bigint {
  const number = Number(text)
  return Number.isSafeInteger(number) || !INTEGER.test(text) ? number : BigInt(text)
}
