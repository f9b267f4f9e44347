/**
 * SQL's three truth values and one of ours: `true`, `false`, `null` (SQL's unknown), and `undefined`: only the database can say.
 * What decides by itself still decides: `false AND undefined` is `false`.
 */
export type Truth = boolean | null | undefined

export function not(truth: Truth): Truth {
  return typeof truth === 'boolean' ? !truth : truth
}

export function and(a: Truth, b: Truth): Truth {
  if (a === false || b === false) return false
  if (a === undefined || b === undefined) return undefined
  return a === null || b === null ? null : true
}

export function or(a: Truth, b: Truth): Truth {
  if (a === true || b === true) return true
  if (a === undefined || b === undefined) return undefined
  return a === null || b === null ? null : false
}
