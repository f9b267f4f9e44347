/** What Postgres' `LIKE` with its special characters escaped finds. */
export const LIKE_TESTS = {
  contains: (text: string, part: string): boolean => text.includes(part),
  startsWith: (text: string, part: string): boolean => text.startsWith(part),
  endsWith: (text: string, part: string): boolean => text.endsWith(part),
} as const

export type LikeOperator = keyof typeof LIKE_TESTS

/** By how a value stands to the operand: below 0 before it, 0 beside it, above 0 behind it. */
const ORDER_TESTS = {
  lt: (order: number): boolean => order < 0,
  lte: (order: number): boolean => order <= 0,
  gt: (order: number): boolean => order > 0,
  gte: (order: number): boolean => order >= 0,
} as const

/** The test of an operator that asks for an order; `undefined` for any other. */
export function orderTest<Value>(
  compare: (a: Value, b: Value) => number,
  operator: string,
  first: Value,
  second: Value,
): ((value: Value) => boolean) | undefined {
  if (operator === 'between') return (value) => compare(value, first) >= 0 && compare(value, second) <= 0
  if (!Object.hasOwn(ORDER_TESTS, operator)) return undefined
  // Checked by the line above.
  const test = ORDER_TESTS[operator as keyof typeof ORDER_TESTS]
  return (value) => test(compare(value, first))
}
