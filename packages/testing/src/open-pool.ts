import pg from 'pg'

/** A pool whose connections may break, idle or in use, without an end of the process: the next question opens another. */
export function openPool(config: pg.PoolConfig): pg.Pool {
  return new pg.Pool(config).on('error', () => {}).on('connect', (client) => client.on('error', () => {}))
}
