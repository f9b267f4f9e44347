import type { Handler } from 'hono'
import type { HasEdge } from './hono-live-handler.ts'

const PROMETHEUS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/**
 * What operators ask of a process: `…/health/live`, `…/health/ready` (or `…/health`) and `…/metrics` (Prometheus' text format), by the end of
 * the path.
 * Mount it where only they come: `app.get('/internal/*', createHonoOperationsHandler(live))`. It says nothing of rows, queries or users, but
 * who may read how busy an application is, is for the application to decide.
 */
export function createHonoOperationsHandler(live: HasEdge): Handler {
  return async (c) => {
    if (c.req.path.endsWith('/health/live')) return c.json({ isLive: true })
    if (/\/health(\/ready)?$/.test(c.req.path)) {
      const health = await live.edge().then(
        (edge) => edge.health(),
        () => NOT_STARTED,
      )
      return c.json(health, health.isReady ? 200 : 503)
    }
    if (c.req.path.endsWith('/metrics')) return c.body(await (await live.edge()).metricsText(), 200, { 'content-type': PROMETHEUS_TYPE })
    return c.notFound()
  }
}

const NOT_STARTED = { isReady: false, reasons: ['The edge has not started.'] }
