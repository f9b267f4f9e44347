import type { QueryKey } from '@tanstack/react-query'

/** First member of every key of ZenStack's hooks. */
export const KEY_PREFIX = 'zenstack'

/**
 * The key under which ZenStack's hooks keep a query's result. Written here again, because the module that has it is made of hooks: a server component,
 * which prefetches, cannot load it.
 */
export function queryKeyOf(model: string, operation: string, args: unknown, optimisticUpdate = true): QueryKey {
  return [KEY_PREFIX, model, operation, args, { infinite: false, optimisticUpdate }]
}
