'use client'

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
} from '@zenstackhq/orm'
import type { GetModels, SchemaDef } from '@zenstackhq/schema'
import type { AnyClient } from '@zenstack-live/client'
import { useMemo } from 'react'
import type { LiveQueryOptions, LiveQueryResult } from './live-query-options.ts'
import { useLiveInfiniteQuery, type LiveInfiniteQueryOptions, type LiveInfiniteQueryResult } from './use-live-infinite-query.ts'
import { useLiveQuery } from './use-live-query.ts'
import {
  useLiveSuspenseInfiniteQuery,
  type LiveSuspenseInfiniteQueryOptions,
  type LiveSuspenseInfiniteQueryResult,
} from './use-live-suspense-infinite-query.ts'
import { useLiveSuspenseQuery, type LiveSuspenseQueryOptions, type LiveSuspenseQueryResult } from './use-live-suspense-query.ts'

// What a schema without plugins adds to arguments and results: nothing. ZenStack's own defaults are written the same way.
type None = {}

/** One model's live hooks: those of ZenStack's `useClientQueries` that read, with the same generics. */
export type LiveModelHooks<
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
    useFindUnique<T extends FindUniqueArgs<Schema, Model, Options, ExtQueryArgs, ExtResult>>(
      args: SelectSubset<T, FindUniqueArgs<Schema, Model, Options, ExtQueryArgs, ExtResult>>,
      options?: LiveQueryOptions<SimplifiedPlainResult<Schema, Model, T, Options, ExtResult> | null>,
    ): LiveQueryResult<SimplifiedPlainResult<Schema, Model, T, Options, ExtResult> | null>
    useSuspenseFindUnique<T extends FindUniqueArgs<Schema, Model, Options, ExtQueryArgs, ExtResult>>(
      args: SelectSubset<T, FindUniqueArgs<Schema, Model, Options, ExtQueryArgs, ExtResult>>,
      options?: LiveSuspenseQueryOptions<SimplifiedPlainResult<Schema, Model, T, Options, ExtResult> | null>,
    ): LiveSuspenseQueryResult<SimplifiedPlainResult<Schema, Model, T, Options, ExtResult> | null>
    useFindFirst<T extends FindFirstArgs<Schema, Model, Options, ExtQueryArgs, ExtResult>>(
      args?: SelectSubset<T, FindFirstArgs<Schema, Model, Options, ExtQueryArgs, ExtResult>>,
      options?: LiveQueryOptions<SimplifiedPlainResult<Schema, Model, T, Options, ExtResult> | null>,
    ): LiveQueryResult<SimplifiedPlainResult<Schema, Model, T, Options, ExtResult> | null>
    useSuspenseFindFirst<T extends FindFirstArgs<Schema, Model, Options, ExtQueryArgs, ExtResult>>(
      args?: SelectSubset<T, FindFirstArgs<Schema, Model, Options, ExtQueryArgs, ExtResult>>,
      options?: LiveSuspenseQueryOptions<SimplifiedPlainResult<Schema, Model, T, Options, ExtResult> | null>,
    ): LiveSuspenseQueryResult<SimplifiedPlainResult<Schema, Model, T, Options, ExtResult> | null>
    useExists<T extends ExistsArgs<Schema, Model, Options, ExtQueryArgs>>(
      args?: Subset<T, ExistsArgs<Schema, Model, Options, ExtQueryArgs>>,
      options?: LiveQueryOptions<boolean>,
    ): LiveQueryResult<boolean>
    useFindMany<T extends FindManyArgs<Schema, Model, Options, ExtQueryArgs, ExtResult>>(
      args?: SelectSubset<T, FindManyArgs<Schema, Model, Options, ExtQueryArgs, ExtResult>>,
      options?: LiveQueryOptions<SimplifiedPlainResult<Schema, Model, T, Options, ExtResult>[]>,
    ): LiveQueryResult<SimplifiedPlainResult<Schema, Model, T, Options, ExtResult>[]>
    useSuspenseFindMany<T extends FindManyArgs<Schema, Model, Options, ExtQueryArgs, ExtResult>>(
      args?: SelectSubset<T, FindManyArgs<Schema, Model, Options, ExtQueryArgs, ExtResult>>,
      options?: LiveSuspenseQueryOptions<SimplifiedPlainResult<Schema, Model, T, Options, ExtResult>[]>,
    ): LiveSuspenseQueryResult<SimplifiedPlainResult<Schema, Model, T, Options, ExtResult>[]>
    /** Pages of one growing window: see `useLiveInfiniteQuery`. */
    useInfiniteFindMany<T extends FindManyArgs<Schema, Model, Options, ExtQueryArgs, ExtResult>>(
      args?: SelectSubset<T, FindManyArgs<Schema, Model, Options, ExtQueryArgs, ExtResult>>,
      options?: LiveInfiniteQueryOptions<SimplifiedPlainResult<Schema, Model, T, Options, ExtResult>>,
    ): LiveInfiniteQueryResult<SimplifiedPlainResult<Schema, Model, T, Options, ExtResult>>
    /** As `useInfiniteFindMany`; suspends until the first page is there: see `useLiveSuspenseInfiniteQuery`. */
    useSuspenseInfiniteFindMany<T extends FindManyArgs<Schema, Model, Options, ExtQueryArgs, ExtResult>>(
      args?: SelectSubset<T, FindManyArgs<Schema, Model, Options, ExtQueryArgs, ExtResult>>,
      options?: LiveSuspenseInfiniteQueryOptions<SimplifiedPlainResult<Schema, Model, T, Options, ExtResult>>,
    ): LiveSuspenseInfiniteQueryResult<SimplifiedPlainResult<Schema, Model, T, Options, ExtResult>>
    useCount<T extends CountArgs<Schema, Model, Options, ExtQueryArgs>>(
      args?: Subset<T, CountArgs<Schema, Model, Options, ExtQueryArgs>>,
      options?: LiveQueryOptions<CountResult<Schema, Model, T>>,
    ): LiveQueryResult<CountResult<Schema, Model, T>>
    useSuspenseCount<T extends CountArgs<Schema, Model, Options, ExtQueryArgs>>(
      args?: Subset<T, CountArgs<Schema, Model, Options, ExtQueryArgs>>,
      options?: LiveSuspenseQueryOptions<CountResult<Schema, Model, T>>,
    ): LiveSuspenseQueryResult<CountResult<Schema, Model, T>>
    useAggregate<T extends AggregateArgs<Schema, Model, Options, ExtQueryArgs>>(
      args: Subset<T, AggregateArgs<Schema, Model, Options, ExtQueryArgs>>,
      options?: LiveQueryOptions<AggregateResult<Schema, Model, T>>,
    ): LiveQueryResult<AggregateResult<Schema, Model, T>>
    useSuspenseAggregate<T extends AggregateArgs<Schema, Model, Options, ExtQueryArgs>>(
      args: Subset<T, AggregateArgs<Schema, Model, Options, ExtQueryArgs>>,
      options?: LiveSuspenseQueryOptions<AggregateResult<Schema, Model, T>>,
    ): LiveSuspenseQueryResult<AggregateResult<Schema, Model, T>>
    useGroupBy<T extends GroupByArgs<Schema, Model, Options, ExtQueryArgs>>(
      args: Subset<T, GroupByArgs<Schema, Model, Options, ExtQueryArgs>>,
      options?: LiveQueryOptions<GroupByResult<Schema, Model, T>>,
    ): LiveQueryResult<GroupByResult<Schema, Model, T>>
    useSuspenseGroupBy<T extends GroupByArgs<Schema, Model, Options, ExtQueryArgs>>(
      args: Subset<T, GroupByArgs<Schema, Model, Options, ExtQueryArgs>>,
      options?: LiveSuspenseQueryOptions<GroupByResult<Schema, Model, T>>,
    ): LiveSuspenseQueryResult<GroupByResult<Schema, Model, T>>
  }
>

type Sliced<Schema extends SchemaDef, Model extends GetModels<Schema>, Options extends QueryOptions<Schema>, Hooks> = {
  [
    Name in keyof Hooks as Name extends `use${'' | 'Suspense' | 'Infinite' | 'SuspenseInfinite'}${Capitalize<GetSlicedOperations<Schema, Model, Options>>}`
      ? Name
      : never
  ]: Hooks[Name]
}

/** Every model's live hooks, by the names ZenStack gives them. */
export type LiveHooks<SchemaOrClient extends SchemaDef | AnyClient> = LiveHooksOf<
  InferSchema<SchemaOrClient>,
  InferOptions<SchemaOrClient, InferSchema<SchemaOrClient>>,
  InferExtQueryArgs<SchemaOrClient> extends ExtQueryArgsBase ? InferExtQueryArgs<SchemaOrClient> : None,
  InferExtResult<SchemaOrClient> extends ExtResultBase<InferSchema<SchemaOrClient>> ? InferExtResult<SchemaOrClient> : None
>

type LiveHooksOf<
  Schema extends SchemaDef,
  Options extends QueryOptions<Schema>,
  ExtQueryArgs extends ExtQueryArgsBase,
  ExtResult extends ExtResultBase<Schema>,
> = {
  readonly [Model in GetSlicedModels<Schema, Options> as Uncapitalize<Model>]: LiveModelHooks<Schema, Model, Options, ExtQueryArgs, ExtResult>
}

/**
 * The live counterpart of ZenStack's `useClientQueries`: the same hooks, live. In an existing app, change the import and the name.
 *
 * @example
 * ```tsx
 * const tasks = useLiveQueries(schema).task.useFindMany({ where: { spaceId } })
 * ```
 */
export function useLiveQueries<SchemaOrClient extends SchemaDef | AnyClient>(schema: InferSchema<SchemaOrClient>): LiveHooks<SchemaOrClient> {
  return useMemo(() => {
    const models = Object.keys(schema.models).map((model) => [model.charAt(0).toLowerCase() + model.slice(1), modelHooks(model)] as const)
    // The names and shapes are those of the type, which is made from the same schema.
    return Object.fromEntries(models) as unknown as LiveHooks<SchemaOrClient>
  }, [schema])
}

const OPERATIONS = ['findUnique', 'findFirst', 'findMany', 'exists', 'count', 'aggregate', 'groupBy'] as const

function modelHooks(model: string): Record<string, unknown> {
  const hooks: Record<string, unknown> = {
    useInfiniteFindMany: (args?: unknown, options?: LiveInfiniteQueryOptions<unknown>) =>
      useLiveInfiniteQuery({ model, operation: 'findMany', args }, options),
    useSuspenseInfiniteFindMany: (args?: unknown, options?: LiveSuspenseInfiniteQueryOptions<unknown>) =>
      useLiveSuspenseInfiniteQuery({ model, operation: 'findMany', args }, options),
  }
  for (const operation of OPERATIONS) {
    const name = operation.charAt(0).toUpperCase() + operation.slice(1)
    hooks[`use${name}`] = (args?: unknown, options?: LiveQueryOptions<unknown>) => useLiveQuery({ model, operation, args }, options)
    // ZenStack has none that suspends for a yes or no.
    if (operation === 'exists') continue
    hooks[`useSuspense${name}`] = (args?: unknown, options?: LiveSuspenseQueryOptions<unknown>) =>
      useLiveSuspenseQuery({ model, operation, args }, options)
  }
  return hooks
}
