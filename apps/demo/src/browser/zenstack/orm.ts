/**
 * Stands in for `@zenstackhq/orm` in the page. ZenStack's hooks take this one list from it, and its client helpers keep a bare
 * import; the package itself would bring the whole server along (zod, kysely, the `pg` driver). Another name that a later
 * version may take from it fails the build.
 */
export const CoreReadOperations: readonly string[] = ['findMany', 'findUnique', 'findFirst', 'count', 'aggregate', 'groupBy', 'exists']
