import { useEffect, useRef, useState } from 'react'
import { prefersReducedMotion } from './reduced-motion.ts'

export interface Present<Row> {
  row: Row
  isLeaving: boolean
}

/**
 * The rows, and for a moment those that just left, each in the place it had, so that leaving can be seen.
 * With reduced motion rows leave at once.
 */
export function usePresence<Row extends { id: string }>(rows: readonly Row[], leaveMs: number): Present<Row>[] {
  const [leaving, setLeaving] = useState<readonly { row: Row; after: string | undefined }[]>([])
  const [shown, setShown] = useState(rows)

  if (rows !== shown) {
    const ids = new Set(rows.map((row) => row.id))
    const gone = shown.flatMap((row, index) => (ids.has(row.id) ? [] : [{ row, after: shown[index - 1]?.id }]))
    setShown(rows)
    const still = leaving.filter(({ row }) => !ids.has(row.id))
    if (!prefersReducedMotion() && (gone.length > 0 || still.length !== leaving.length)) setLeaving([...still, ...gone])
  }

  const timers = useRef(new Set<ReturnType<typeof setTimeout>>())
  useEffect(() => {
    if (leaving.length === 0) return
    const timer = setTimeout(() => {
      timers.current.delete(timer)
      setLeaving((now) => now.filter((entry) => !leaving.includes(entry)))
    }, leaveMs)
    timers.current.add(timer)
  }, [leaving, leaveMs])
  useEffect(() => {
    const running = timers.current
    return () => {
      for (const timer of running) clearTimeout(timer)
    }
  }, [])

  const result: Present<Row>[] = rows.map((row) => ({ row, isLeaving: false }))
  const ids = new Set(rows.map((row) => row.id))
  for (const { row, after } of leaving) {
    if (ids.has(row.id)) continue
    const place = after === undefined ? 0 : result.findIndex((entry) => entry.row.id === after) + 1
    result.splice(place, 0, { row, isLeaving: true })
  }
  return result
}
