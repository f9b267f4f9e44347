import { GenericContainer, getContainerRuntimeClient } from 'testcontainers'
import type { RedisServer } from './redis.ts'

const IMAGE = 'redis:7-alpine'

/**
 * A Redis in a container, for machines that have Docker but no server program.
 *
 * @throws {Error} when no container engine answers.
 */
export async function startRedisContainer(port: number, args: readonly string[]): Promise<RedisServer> {
  const engine = await getContainerRuntimeClient()
  const container = await new GenericContainer(IMAGE)
    .withExposedPorts({ container: 6379, host: port })
    .withCommand(['redis-server', '--save', '', ...args])
    .start()
  let isRunning = true
  return {
    port,
    url: `redis://${container.getHost()}:${port}`,
    async start(extra = []) {
      if (extra.length > 0) throw new Error('A Redis container cannot be started again with other arguments. Install redis-server to run this test.')
      await container.restart()
      isRunning = true
    },
    async kill() {
      if (isRunning) await engine.container.getById(container.getId()).kill()
      isRunning = false
    },
    async stop() {
      await container.stop({ remove: true, removeVolumes: true })
    },
  }
}
