/** How often something took how long: counts by upper bounds, as Prometheus has them. */
export interface Histogram {
  /** In seconds, ascending. */
  readonly bounds: readonly number[]
  /** One more than bounds: the last is for what lies beyond all of them. */
  readonly counts: number[]
  sumSeconds: number
}

export function createHistogram(bounds: readonly number[]): Histogram {
  return { bounds, counts: Array.from({ length: bounds.length + 1 }, () => 0), sumSeconds: 0 }
}

export function observe(histogram: Histogram, seconds: number): void {
  let index = 0
  while (index < histogram.bounds.length && seconds > (histogram.bounds[index] ?? 0)) index++
  histogram.counts[index] = (histogram.counts[index] ?? 0) + 1
  histogram.sumSeconds += seconds
}
