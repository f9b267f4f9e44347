export type { RawChange } from './capture-rows.ts'
export { tableOf } from './create-tables.ts'
export { HEAD_LINES, loadSchema, SchemaProblem } from './load-schema.ts'
export { openOracle, rowsOf, type Client, type Oracle } from './open-oracle.ts'
