/** Stands in for `@zenstackhq/orm` in the page: ZenStack's client helpers keep a bare import of it, which would bring the whole server along. */
export const CoreReadOperations: readonly string[] = ['findMany', 'findUnique', 'findFirst', 'count', 'aggregate', 'groupBy', 'exists']
