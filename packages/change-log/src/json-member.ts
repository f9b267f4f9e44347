/**
 * The text of one member of a JSON object, cut out as it stands: parsing and printing again would round integers beyond 2^53.
 *
 * @returns `undefined` when the text is not an object or has no such member
 */
export function jsonMember(text: string, name: string): string | undefined {
  const wanted = JSON.stringify(name)
  let at = skipSpace(text, 0)
  if (text[at] !== '{') return undefined
  at = skipSpace(text, at + 1)
  while (text[at] === '"') {
    const nameEnd = endOfString(text, at)
    const colon = skipSpace(text, nameEnd)
    const start = skipSpace(text, colon + 1)
    const end = endOfValue(text, start)
    if (text.slice(at, nameEnd) === wanted) return text.slice(start, end)
    at = skipSpace(text, end)
    if (text[at] !== ',') return undefined
    at = skipSpace(text, at + 1)
  }
  return undefined
}

function skipSpace(text: string, at: number): number {
  while (at < text.length && ' \n\r\t'.includes(text.charAt(at))) at++
  return at
}

/** Just behind the closing quote of the string that opens at `at`. */
function endOfString(text: string, at: number): number {
  for (let index = at + 1; index < text.length; index++) {
    const char = text.charCodeAt(index)
    if (char === 92) index++
    else if (char === 34) return index + 1
  }
  return text.length
}

function endOfValue(text: string, at: number): number {
  if (text[at] === '"') return endOfString(text, at)
  let depth = 0
  for (let index = at; index < text.length; index++) {
    const char = text.charAt(index)
    if (char === '"') index = endOfString(text, index) - 1
    else if (char === '{' || char === '[') depth++
    else if ((char === '}' || char === ']') && --depth === 0) return index + 1
    else if (depth <= 0 && (char === ',' || char === '}' || char === ']')) return index
  }
  return text.length
}
