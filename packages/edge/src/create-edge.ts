import { LiveError } from '@zenstack-live/protocol'
import { refuse } from './requests/turn-away.ts'
import { measureDistances } from './operations/health.ts'
import { createMetrics } from './operations/metrics.ts'
import { prometheusText } from './operations/prometheus-text.ts'
import { readLimits } from './read-limits.ts'
import { within } from './within.ts'
import { openEdge, type Edge, type EdgeOptions, type OpenEdge } from './open-edge.ts'

/** Migrations come in several steps. */
const QUIET_MS = 100
const MAX_RETRY_MS = 5_000

/**
 * An edge that follows the tables: when columns, types, keys, replica identity or partitions change, it sends everybody away, reads
 * the catalog again, and serves them anew as they come back. What was not touched goes on from its position.
 *
 * @throws {LiveError} `database_unavailable` or `log_unavailable` when one of them does not answer
 * @throws {TypeError} when one of `limits` is none
 */
export async function createEdge(options: EdgeOptions): Promise<Edge> {
  const { warn } = options.logger ?? { warn: () => {} }
  const { databaseTimeoutMs: timeoutMs } = readLimits(options.limits)
  const metrics = createMetrics()
  let isEnding = false
  let generation = 0
  let present: Promise<OpenEdge>

  const open = (): Promise<OpenEdge> => {
    const number = ++generation
    return openEdge(options, { metrics, onOtherTables: () => void (number === generation && replace()) })
  }

  const replace = (): void => {
    const old = present
    generation++
    metrics.schemaRenewals++
    present = renew(old)
    // A failure is met by those who wait for it.
    present.catch(() => {})
    void old.then((edge) => edge.sendAway())
  }

  const renew = async (old: Promise<OpenEdge>): Promise<OpenEdge> => {
    for (let pauseMs = QUIET_MS; ; pauseMs = Math.min(MAX_RETRY_MS, pauseMs * 2)) {
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
      if (isEnding) return old
      try {
        const next = await open()
        await (await old).close()
        return next
      } catch (error) {
        warn('The tables changed, and could not be read again yet.', { error: String(error) })
      }
    }
  }

  present = Promise.resolve(await open())
  return {
    async handle(request, context) {
      const edge = await within(present, timeoutMs)
      return edge === undefined ? refuse(request, unavailable()) : edge.handle(request, context)
    },
    async commitPosition() {
      const edge = await within(present, timeoutMs)
      if (edge === undefined) throw unavailable()
      return edge.commitPosition()
    },
    refreshIdentity: (id) => void present.then((edge) => edge.refreshIdentity(id)),
    metrics: () => metrics,
    metricsText: async () => prometheusText(metrics, await measureDistances(options.log, await within(present, 0))),
    async health() {
      const edge = await within(present, 0)
      return edge === undefined ? { isReady: false, reasons: ['The tables changed, and are read again.'], warnings: [] } : edge.health()
    },
    async drain() {
      isEnding = true
      // Where the tables are read again everybody was sent away already, and that may last for as long as the database does not answer.
      await (await within(present, 0))?.drain()
    },
    async close() {
      isEnding = true
      await (await present).close()
    },
  }
}

function unavailable(): LiveError {
  return new LiveError('database_unavailable', 'The tables changed, and could not be read again in time.')
}
