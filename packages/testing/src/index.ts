export { createDatabase } from './create-database.ts'
export { freePort } from './free-port.ts'
export { startPostgres, type PostgresOptions, type PostgresServer } from './postgres.ts'
export { redisOnPath, startRedis, type RedisOptions, type RedisServer } from './redis.ts'
