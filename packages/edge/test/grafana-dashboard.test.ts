import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createMetrics } from '../src/operations/metrics.ts'
import { prometheusText } from '../src/operations/prometheus-text.ts'

const DASHBOARD = join(import.meta.dirname, '../../../apps/edge/grafana-dashboard.json')

describe('the Grafana dashboard', () => {
  it('asks only for metrics that an edge tells', () => {
    const told = new Set(Array.from(prometheusText(createMetrics(), { readers: [] }).matchAll(/^# TYPE (\w+)/gm), ([, name]) => name))
    const asked = new Set(Array.from(readFileSync(DASHBOARD, 'utf8').matchAll(/zenstack_live_\w+/g), ([name]) => name.replace(/_bucket$/, '')))
    expect(asked.size).toBeGreaterThan(15)
    expect([...asked].filter((name) => !told.has(name))).toEqual([])
  })
})
