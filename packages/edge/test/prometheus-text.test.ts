import { describe, expect, it } from 'vitest'
import { observe } from '../src/operations/histogram.ts'
import { createMetrics } from '../src/operations/metrics.ts'
import { prometheusText } from '../src/operations/prometheus-text.ts'

describe('metrics as text', () => {
  it('count what lies under each bound into all that lie above it', () => {
    const metrics = createMetrics()
    for (const seconds of [0.004, 0.005, 0.03, 99]) observe(metrics.commitToSocketSeconds, seconds)
    const lines = prometheusText(metrics, { readers: [] }).split('\n')
    const bucket = (le: string) => lines.find((line) => line.startsWith(`zenstack_live_commit_to_socket_seconds_bucket{le="${le}"}`))?.split(' ')[1]
    expect([bucket('0.005'), bucket('0.025'), bucket('0.05'), bucket('10'), bucket('+Inf')]).toEqual(['2', '2', '3', '3', '4'])
    expect(lines).toContain('zenstack_live_commit_to_socket_seconds_count 4')
  })

  it('escape what stands in labels, and leave out distances that nobody knows', () => {
    const metrics = createMetrics()
    metrics.requeryReasons['where: "a\\b"\n'] = 1
    const text = prometheusText(metrics, {
      readers: [
        { id: 'mail', bytes: 12 },
        { id: 'new', bytes: undefined },
      ],
    })
    expect(text).toContain(String.raw`zenstack_live_requery_reasons_total{reason="where: \"a\\b\"\n"} 1`)
    expect(text).toContain('zenstack_live_durable_reader_distance_bytes{reader="mail"} 12')
    expect(text).not.toContain('reader="new"')
  })

  it('say type and meaning before the samples of each, once', () => {
    const lines = prometheusText(createMetrics(), { readers: [] }).trimEnd().split('\n')
    const typed = new Map<string, string>()
    for (const line of lines) {
      const [, name, type] = /^# TYPE (\w+) (\w+)$/.exec(line) ?? []
      if (name !== undefined && type !== undefined) {
        expect(typed.has(name)).toBe(false)
        typed.set(name, type)
      } else if (!line.startsWith('#')) {
        const base = (/^\w+/.exec(line)?.[0] ?? '').replace(/_(bucket|sum|count)$/, '')
        expect(typed.has(base), line).toBe(true)
        expect(line).toMatch(/ [0-9.e+-]+$/)
      }
    }
    expect(typed.size).toBeGreaterThan(20)
  })
})
