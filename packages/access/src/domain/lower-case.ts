import type { Collation } from '@zenstack-live/model'

/** `lower()` as this collation does it; `undefined` where it depends on more than single characters. */
export function lowerCaseOf(collation: Collation | undefined): ((text: string) => string) | undefined {
  const table = collation?.lowerCase
  if (table === undefined) return undefined
  return (text) => {
    let result = ''
    for (const character of text) result += table[character] ?? character
    return result
  }
}

const BY_CODE_POINT: ReadonlySet<string> = new Set(['C', 'POSIX', 'C.UTF-8', 'C.UTF8', 'C.utf8', 'PG_C_UTF8', 'PG_UNICODE_FAST'])

/** Whether strings are ordered by code points. Other orders belong to the C library or ICU and their versions. */
export function isOrderedByCodePoint(collation: Collation | undefined): boolean {
  return collation !== undefined && collation.provider !== 'icu' && BY_CODE_POINT.has(collation.locale)
}
