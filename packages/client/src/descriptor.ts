import type { InferExtQueryArgs, InferExtResult, InferOptions, InferSchema } from '@zenstackhq/client-helpers'
import type {
  AggregateArgs,
  AggregateResult,
  CountArgs,
  CountResult,
  ExistsArgs,
  ExtQueryArgsBase,
  ExtResultBase,
  FindFirstArgs,
  FindManyArgs,
  FindUniqueArgs,
  GetSlicedModels,
  GetSlicedOperations,
  GroupByArgs,
  GroupByResult,
  QueryOptions,
  SelectSubset,
  SimplifiedPlainResult,
  Subset,
  WhereInput,
} from '@zenstackhq/orm'
import type { GetModel, GetModels, SchemaDef } from '@zenstackhq/schema'
import type { LiveOperation } from '@zenstack-live/protocol'

/** A live query as plain data: what is asked, nothing of how. Equal questions are one query, wherever they come from. */
export interface LiveQuery<T> {
  /** The model's name, as in the schema. */
  readonly model: string
  readonly operation: LiveOperation
  readonly args: unknown
  /** Only for the compiler: what the query answers. */
  readonly [resultType]?: T
}

/** The stream of a model's changes that match, as plain data. */
export interface LiveChanges<Change> {
  readonly model: string
  readonly operation: '$changes'
  readonly args: unknown
  /** Only for the compiler: what is told. */
  readonly [resultType]?: Change
}

declare const resultType: unique symbol

export type ChangeKind = 'created' | 'updated' | 'deleted'

interface ChangesByKind<Row, Key> {
  created: { readonly type: 'created'; readonly date: Date; readonly created: Row }
  /** `before` is `null` where this person could not read the row before, or may not any more. */
  updated: { readonly type: 'updated'; readonly date: Date; readonly updated: { readonly before: Row | null; readonly after: Row } }
  /** Nobody may read what is gone: the id is all that is told. */
  deleted: { readonly type: 'deleted'; readonly date: Date; readonly deleted: Key }
}

/** What a `$changes` subscription is told, once for each matching change of the kinds it asks for. */
export type LiveChange<Row, Key = unknown, Kind extends ChangeKind = ChangeKind> = ChangesByKind<Row, Key>[Kind]

/** Which changes: a condition for each kind, `{}` for all of it. A kind that is left out is not sent. */
export interface ChangesFilter<Where> {
  readonly created?: Where
  /** `after` alone: the row matches now and did not before. `before` alone: it matched and does no longer. Neither: every update that shows. */
  readonly updated?: { readonly before?: Where; readonly after?: Where }
  readonly deleted?: Where
}

/** Tells which kinds were given: the type of what is told depends on them. */
type WithKinds<Kinds extends ChangeKind> = { readonly [Kind in Kinds]: unknown }

type KeyOf<Schema extends SchemaDef, Model extends GetModels<Schema>, Row> = Pick<
  Row,
  Extract<GetModel<Schema, Model>['idFields'][number], keyof Row>
>

// What a schema without plugins adds to arguments and results: nothing. ZenStack's own defaults are written the same way.
type None = {}

/** One model's live reads: the names, arguments and results of ZenStack's client. */
export type LiveModel<
  Schema extends SchemaDef,
  Model extends GetModels<Schema>,
  Options extends QueryOptions<Schema> = QueryOptions<Schema>,
  ExtQueryArgs extends ExtQueryArgsBase = None,
  ExtResult extends ExtResultBase<Schema> = None,
> = Sliced<
  Schema,
  Model,
  Options,
  {
    findUnique<T extends FindUniqueArgs<Schema, Model, Options, ExtQueryArgs, ExtResult>>(
      args: SelectSubset<T, FindUniqueArgs<Schema, Model, Options, ExtQueryArgs, ExtResult>>,
    ): LiveQuery<SimplifiedPlainResult<Schema, Model, T, Options, ExtResult> | null>
    findFirst<T extends FindFirstArgs<Schema, Model, Options, ExtQueryArgs, ExtResult>>(
      args?: SelectSubset<T, FindFirstArgs<Schema, Model, Options, ExtQueryArgs, ExtResult>>,
    ): LiveQuery<SimplifiedPlainResult<Schema, Model, T, Options, ExtResult> | null>
    findMany<T extends FindManyArgs<Schema, Model, Options, ExtQueryArgs, ExtResult>>(
      args?: SelectSubset<T, FindManyArgs<Schema, Model, Options, ExtQueryArgs, ExtResult>>,
    ): LiveQuery<SimplifiedPlainResult<Schema, Model, T, Options, ExtResult>[]>
    exists<T extends ExistsArgs<Schema, Model, Options, ExtQueryArgs>>(
      args?: Subset<T, ExistsArgs<Schema, Model, Options, ExtQueryArgs>>,
    ): LiveQuery<boolean>
    count<T extends CountArgs<Schema, Model, Options, ExtQueryArgs>>(
      args?: Subset<T, CountArgs<Schema, Model, Options, ExtQueryArgs>>,
    ): LiveQuery<CountResult<Schema, Model, T>>
    aggregate<T extends AggregateArgs<Schema, Model, Options, ExtQueryArgs>>(
      args: Subset<T, AggregateArgs<Schema, Model, Options, ExtQueryArgs>>,
    ): LiveQuery<AggregateResult<Schema, Model, T>>
    groupBy<T extends GroupByArgs<Schema, Model, Options, ExtQueryArgs>>(
      args: Subset<T, GroupByArgs<Schema, Model, Options, ExtQueryArgs>>,
    ): LiveQuery<GroupByResult<Schema, Model, T>>
  }
> & {
  /** Changes as they are committed, for reacting to them once; for showing rows use a query. */
  changes<Kinds extends ChangeKind = ChangeKind>(
    filter?: ChangesFilter<WhereInput<Schema, Model, Options, true>> & WithKinds<Kinds>,
  ): LiveChanges<
    LiveChange<
      SimplifiedPlainResult<Schema, Model, None, Options, ExtResult>,
      KeyOf<Schema, Model, SimplifiedPlainResult<Schema, Model, None, Options, ExtResult>>,
      Kinds
    >
  >
}

type Sliced<Schema extends SchemaDef, Model extends GetModels<Schema>, Options extends QueryOptions<Schema>, Operations> = {
  [Name in keyof Operations as Name extends GetSlicedOperations<Schema, Model, Options> ? Name : never]: Operations[Name]
}

/** All models' live reads, by the names ZenStack's client gives them. */
export type LiveModels<SchemaOrClient extends SchemaDef | AnyClient> = LiveModelsOf<
  InferSchema<SchemaOrClient>,
  InferOptions<SchemaOrClient, InferSchema<SchemaOrClient>>,
  InferExtQueryArgs<SchemaOrClient> extends ExtQueryArgsBase ? InferExtQueryArgs<SchemaOrClient> : None,
  InferExtResult<SchemaOrClient> extends ExtResultBase<InferSchema<SchemaOrClient>> ? InferExtResult<SchemaOrClient> : None
>

type LiveModelsOf<
  Schema extends SchemaDef,
  Options extends QueryOptions<Schema>,
  ExtQueryArgs extends ExtQueryArgsBase,
  ExtResult extends ExtResultBase<Schema>,
> = {
  readonly [Model in GetSlicedModels<Schema, Options> as Uncapitalize<Model>]: LiveModel<Schema, Model, Options, ExtQueryArgs, ExtResult>
}

/** `typeof db`, whatever its schema: of a client the types need no more than that it carries one. */
export interface AnyClient {
  readonly $schema: SchemaDef
}

const OPERATIONS = ['findUnique', 'findFirst', 'findMany', 'exists', 'count', 'aggregate', 'groupBy'] as const satisfies readonly LiveOperation[]

/** The functions that make descriptors, one group for each model. */
export function createDescriptors(schema: SchemaDef): Record<string, Record<string, (args?: unknown) => unknown>> {
  return Object.fromEntries(
    Object.keys(schema.models).map((model) => {
      const reads = OPERATIONS.map((operation) => [operation, (args?: unknown) => ({ model, operation, args })] as const)
      const changes = (args?: unknown): unknown => ({ model, operation: '$changes', args: args ?? { created: {}, updated: {}, deleted: {} } })
      return [model.charAt(0).toLowerCase() + model.slice(1), { ...Object.fromEntries(reads), changes }]
    }),
  )
}
