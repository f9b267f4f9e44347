import { isJsonObject, type JsonItem } from './json-value.ts'

/** The first item that a path finds in a value; `null` when there is none. */
export type JsonPath = (root: unknown) => JsonItem | null

type Step = { readonly key: string } | { readonly index: number } | 'all'

const STEP = /\.([A-Za-z_][A-Za-z0-9_]*)|\."([^"\\]*)"|\[(0|[1-9]\d{0,8})\]|\[(\*)\]/y

/**
 * Reads the part of Postgres's jsonpath language that names places: `$`, `.key`, `."key"`, `[n]`, `[*]`.
 *
 * @returns `undefined` for all else
 * @see https://www.postgresql.org/docs/current/functions-json.html#FUNCTIONS-SQLJSON-PATH
 */
export function parseJsonPath(text: string): JsonPath | undefined {
  if (!text.startsWith('$')) return undefined
  const steps: Step[] = []
  STEP.lastIndex = 1
  while (STEP.lastIndex < text.length) {
    const [whole, name, quoted, index] = STEP.exec(text) ?? []
    if (whole === undefined) return undefined
    const key = name ?? quoted
    steps.push(key === undefined ? (index === undefined ? 'all' : { index: Number(index) }) : { key })
  }
  return (root) => {
    let items: unknown[] = [root]
    for (const step of steps) items = items.flatMap((item) => take(item, step))
    return items.length === 0 ? null : { value: items[0] }
  }
}

/** Lax mode: a key looks into the items of an array, an index takes what is no array for the only item of one. */
function take(item: unknown, step: Step): unknown[] {
  if (step === 'all') return Array.isArray(item) ? item : [item]
  if ('index' in step) {
    const list: unknown[] = Array.isArray(item) ? item : [item]
    return step.index < list.length ? [list[step.index]] : []
  }
  const holders: unknown[] = Array.isArray(item) ? item : [item]
  return holders.flatMap((holder) => (isJsonObject(holder) && Object.hasOwn(holder, step.key) ? [holder[step.key]] : []))
}
