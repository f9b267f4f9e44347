import type { SchemaDef } from '@zenstackhq/schema'
import type { Catalog, Collation } from './catalog.ts'

/** A ZenStack schema against its database. Immutable; made by `createDataModel`. */
export interface DataModel {
  readonly schema: SchemaDef
  readonly catalog: Catalog
  /** Changes when anything that a decision or a presented row depends on changes. */
  readonly fingerprint: string
  readonly models: ReadonlyMap<string, Model>
  /** Tables of implicit many-to-many relations. */
  readonly joinTables: readonly JoinTable[]
  /** What a table of the database stands for; `undefined` for tables that no model knows. */
  table(schema: string, name: string): Model | JoinTable | undefined
}

export interface TableName {
  readonly schema: string
  readonly name: string
}

/** One model and its own table. What a sub-model inherits lives in the tables of its bases. */
export interface Model {
  readonly kind: 'model'
  readonly name: string
  readonly table: TableName
  /** Fields that are columns of this table, by field name; relations, computed, inherited and `Unsupported` fields are not here. */
  readonly fields: ReadonlyMap<string, Field>
  readonly fieldsByColumn: ReadonlyMap<string, Field>
  readonly idFields: readonly string[]
  readonly relations: ReadonlyMap<string, Relation>
  /** Names of fields whose values code computes at query time. */
  readonly computedFields: readonly string[]
  /** The model this one extends (`@@delegate`), and those that extend it. */
  readonly base?: string
  readonly subModels: readonly string[]
  readonly isDelegate: boolean
  readonly hasRowSecurity: boolean
  /** Why no query of this model can be live, and the statement or change that mends it. */
  readonly refusal?: Refusal
}

export interface JoinTable {
  readonly kind: 'join'
  readonly table: TableName
  /** The ends: column `A` holds the first one's id, `B` the second one's. */
  readonly ends: readonly [JoinEnd, JoinEnd]
  readonly refusal?: Refusal
}

export interface JoinEnd {
  readonly column: 'A' | 'B'
  readonly model: string
  /** The relation field on that model. */
  readonly field: string
}

export type ScalarType = 'String' | 'Int' | 'BigInt' | 'Float' | 'Decimal' | 'Boolean' | 'DateTime' | 'Bytes' | 'Json' | 'Enum'

export interface Field {
  readonly name: string
  readonly column: string
  readonly type: ScalarType
  /** Name of the enum, for `Enum`. */
  readonly enumName?: string
  /** Name of the `type`, for typed JSON. */
  readonly typeDef?: string
  readonly isList: boolean
  /** Optional in the schema. The column decides about NULL by itself: lists are NULL until they are set. */
  readonly isOptional: boolean
  readonly isId: boolean
  /** `@omit` in the schema. */
  readonly isOmitted: boolean
  readonly isDiscriminator: boolean
  /** The type's name in the database, such as `timestamptz`, and its modifier. */
  readonly columnType: string
  readonly typmod: number
  /** The name of the native type attribute, such as `@db.Uuid`. */
  readonly nativeType?: string
  readonly collation?: Collation
  /** Enum: the database's label by member and the reverse. */
  readonly labels?: EnumLabels
  /** The stream does not say what ZenStack shows (zone of a `timetz`, currency of `money`, `bit`): such values stay absent. */
  readonly isOpaque: boolean
}

export interface EnumLabels {
  readonly labelOf: ReadonlyMap<string, string>
  readonly memberOf: ReadonlyMap<string, string>
  /** All labels in the order Postgres sorts them by. */
  readonly order: readonly string[]
  /** Whether any member is stored under another name. */
  readonly isMapped: boolean
}

/** A relation field. */
export interface Relation {
  readonly name: string
  readonly model: string
  readonly isList: boolean
  readonly isOptional: boolean
  /** `own`: this table holds the key; `other`: the related table does; `join`: a table between them. */
  readonly keyIn: 'own' | 'other' | 'join'
  /** Pairs of fields that are equal: this model's and the related one's. Empty for `join`. */
  readonly pairs: readonly { readonly own: string; readonly other: string }[]
  /** The table between, for `join`. */
  readonly joinTable?: JoinTable
  /** For `join`: the column that holds this model's id. */
  readonly ownColumn?: 'A' | 'B'
  /** Postgres enforces it: a complete own key has its row. Only for `own`. */
  readonly isEnforced: boolean
  /** The model that declares the field, when it is inherited. */
  readonly origin?: string
}

export interface Refusal {
  readonly reason:
    | 'missing_table'
    | 'missing_column'
    | 'column_type'
    | 'view'
    | 'inherited'
    | 'unlogged'
    | 'no_key'
    | 'replica_identity'
    | 'unpublished'
  readonly message: string
  /** What to run or change. */
  readonly cure: string
}

/** `schema.table`, as sets of dependencies name it. */
export function tableKey(table: TableName): string {
  return `${table.schema}.${table.name}`
}
