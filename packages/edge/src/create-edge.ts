import { LiveError } from '@zenstack-live/protocol'
import { refuse } from './requests/turn-away.ts'
import { measureDistances } from './operations/health.ts'
import { createMetrics, type Metrics } from './operations/metrics.ts'
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
  const { databaseTimeoutMs: timeoutMs } = readLimits(options.limits)
  const metrics = createMetrics()
  const present = await followTables(options, metrics)
  return {
    async handle(request, context) {
      const edge = await within(present.edge, timeoutMs)
      return edge === undefined ? refuse(request, unavailable()) : edge.handle(request, context)
    },
    async commitPosition() {
      const edge = await within(present.edge, timeoutMs)
      if (edge === undefined) throw unavailable()
      return edge.commitPosition()
    },
    refreshIdentity: (id) => void present.edge.then((edge) => edge.refreshIdentity(id)),
    metrics: () => metrics,
    metricsText: async () => prometheusText(metrics, await measureDistances(options.log, await within(present.edge, 0))),
    async health() {
      const edge = await within(present.edge, 0)
      return edge === undefined ? { isReady: false, reasons: ['The tables changed, and are read again.'], warnings: [] } : edge.health()
    },
    async drain() {
      present.keep()
      // Where the tables are read again everybody was sent away already, and that may last for as long as the database does not answer.
      await (await within(present.edge, 0))?.drain()
    },
    close: () => present.close(),
  }
}

/** The edge on the tables as they are now. */
interface PresentEdge {
  /** Waits where the tables are read again. */
  readonly edge: Promise<OpenEdge>
  /** From here on the tables are not read again. */
  keep(): void
  close(): Promise<void>
}

async function followTables(options: EdgeOptions, metrics: Metrics): Promise<PresentEdge> {
  let isKept = false
  let closing: Promise<unknown> = Promise.resolve()

  const follow = (edge: OpenEdge): void => void edge.otherTables.then(() => replace(edge))

  const replace = (old: OpenEdge): void => {
    metrics.schemaRenewals++
    present = renew(old)
    old.sendAway()
  }

  const renew = async (old: OpenEdge): Promise<OpenEdge> => {
    for (let pauseMs = QUIET_MS; ; pauseMs = Math.min(MAX_RETRY_MS, pauseMs * 2)) {
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
      if (isKept) return old
      try {
        const next = await openEdge(options, metrics)
        if (isKept) next.sendAway()
        follow(next)
        closeBeside(old)
        return next
      } catch (error) {
        options.logger?.warn('The tables changed, and could not be read again yet.', { error: String(error) })
      }
    }
  }

  /** It waits for what it has asked the database, which may take long, and everybody who asked was sent away. */
  const closeBeside = (old: OpenEdge): void => {
    const closed = old
      .close()
      .catch((error: unknown) => options.logger?.warn('What was open on the tables as they were could not be closed.', { error: String(error) }))
    closing = Promise.all([closing, closed])
  }

  let present = openEdge(options, metrics)
  follow(await present)
  return {
    get edge() {
      return present
    },
    keep: () => void (isKept = true),
    async close() {
      isKept = true
      await (await present).close()
      await closing
    },
  }
}

function unavailable(): LiveError {
  return new LiveError('database_unavailable', 'The tables changed, and could not be read again in time.')
}
