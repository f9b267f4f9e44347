export type { Catalog, CatalogColumn, CatalogForeignKey, CatalogTable, Collation } from './catalog.ts'
export { createDataModel } from './create-data-model.ts'
export {
  tableKey,
  type DataModel,
  type EnumLabels,
  type Field,
  type JoinEnd,
  type JoinTable,
  type Model,
  type Refusal,
  type Relation,
  type ScalarType,
  type TableName,
} from './data-model.ts'
export { decodeRow, parseExactChange } from './decode-row.ts'
export { decodeValue } from './decode-value.ts'
export { ModelError } from './model-error.ts'
export { presentRow, presentValue } from './present-row.ts'
export { readCatalog, type Query } from './read-catalog.ts'
export { keyOfRow, rowKey, rowKeyOfRecord } from './row-key.ts'
export { StoredJson } from './stored-json.ts'
export type { StoredRow, StoredScalar, StoredTime, StoredValue } from './stored-row.ts'
