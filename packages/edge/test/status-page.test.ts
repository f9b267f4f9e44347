import { describe, expect, it } from 'vitest'
import { observe } from '../src/operations/histogram.ts'
import { createMetrics } from '../src/operations/metrics.ts'
import { statusPage } from '../src/operations/status-page.ts'

const READY = { isReady: true, reasons: [], warnings: [] }

describe('the status page', () => {
  it('shows what an edge does, and asks for itself again without a script', () => {
    const metrics = createMetrics()
    metrics.connectionsNow = 12_345
    metrics.queriesNow = { incremental: 20_000, requery: 17 }
    metrics.transactions = 4
    metrics.queriesConcerned = 10
    metrics.requeryReasons = { 'operation: count': 2, '"take"': 9 }
    for (let commit = 0; commit < 100; commit++) observe(metrics.commitToSocketSeconds, commit < 90 ? 0.004 : 0.09)
    const html = statusPage(metrics, READY)
    for (const text of ['>Ready<', '12,345', '20,017', '20,000 decided in memory', '≤ 100 ms', 'half within ≤ 5 ms', '>2.5<'])
      expect(html).toContain(text)
    expect(html.indexOf('&quot;take&quot;')).toBeLessThan(html.indexOf('operation: count'))
    expect(html).toContain('http-equiv="refresh"')
    expect(html).not.toContain('<script')
  })

  it('says why an edge is not ready, and nothing of what was not measured yet', () => {
    const html = statusPage(createMetrics(), { isReady: false, reasons: ['The edge is draining.', 'The database does not answer.'], warnings: [] })
    expect(html).toContain('Not ready</span> <span>The edge is draining. The database does not answer.</span>')
    expect(html).toContain('<p class="value">–</p>')
    expect(html.match(/None so far\./g)).toHaveLength(4)
  })

  it('warns of what newcomers can bear', () => {
    const html = statusPage(createMetrics(), { ...READY, warnings: ['The capture is away.'] })
    expect(html).toContain('<span class="badge late">Ready</span> <span>The capture is away.</span>')
  })

  it('shows the most frequent of many, and names as text', () => {
    const metrics = createMetrics()
    metrics.refusals = Object.fromEntries(Array.from({ length: 11 }, (_, index) => [`<code ${index}>`, index]))
    const html = statusPage(metrics, READY)
    expect(html).toContain('&lt;code 10&gt;')
    expect(html).not.toContain('code 2&gt;')
    expect(html).toContain('and 3 more')
  })
})
