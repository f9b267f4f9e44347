import type { Handler } from 'hono'
import type { HasEdge } from '../requests/hono-live-handler.ts'
import { inTime, type Health } from './health.ts'
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
    const { path } = c.req
    if (path.endsWith('/health/live')) return c.json({ isLive: true })
    if (!/\/(health(\/ready)?|metrics|status)$/.test(path)) return c.notFound()
    const edge = await inTime(live.edge())
    if (edge === undefined) return c.json(NOT_STARTED, 503)
    if (path.endsWith('/metrics')) return c.body(await edge.metricsText(), 200, { 'content-type': PROMETHEUS_TYPE })
    const health = await edge.health()
    return path.endsWith('/status') ? c.html(statusPage(edge.metrics(), health), 200, PAGE_HEADERS) : c.json(health, health.isReady ? 200 : 503)
  }
}

const NOT_STARTED = { isReady: false, reasons: ['The edge has not started.'], warnings: [] } satisfies Health
