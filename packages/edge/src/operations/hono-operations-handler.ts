import type { Handler } from 'hono'
import type { HasEdge } from '../requests/hono-live-handler.ts'
import { statusPage } from './status-page.ts'

/** A page of text and colours: nothing in it may run, load or be framed. */
const PAGE_HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
}
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
    if (c.req.path.endsWith('/status')) {
      const edge = await live.edge()
      return c.html(statusPage(edge.metrics(), await edge.health()), 200, PAGE_HEADERS)
    }
    return c.notFound()
  }
}

const NOT_STARTED = { isReady: false, reasons: ['The edge has not started.'] }
