export { cacheDirectory } from './cache-directory.ts'
export { createDatabase } from './create-database.ts'
export { freePort } from './free-port.ts'
export { startPostgres, type PostgresOptions, type PostgresServer } from './postgres.ts'
export { findRedis, startRedis, type RedisOptions, type RedisServer } from './redis.ts'
export { type RedisProgram } from './redis-program.ts'
// Tells every test what the shared services provide.
export type {} from './service-setup.ts'
