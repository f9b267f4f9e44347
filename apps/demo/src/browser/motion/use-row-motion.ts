import { useLayoutEffect, useRef, type RefObject } from 'react'
import { prefersReducedMotion } from './reduced-motion.ts'

const MOVE_MS = 380
const EASE = 'cubic-bezier(0.2, 0.9, 0.25, 1)'

interface Place {
  left: number
  top: number
}

/**
 * Moves what moved: every element with `data-row` below the container glides from where it stood at the last render to where
 * it stands now (also into another column), new ones rise, and those whose `data-version` changed light up.
 *
 * @param load - says which load the rows belong to: those that come when it changes were asked for, and are no news
 */
export function useRowMotion(container: RefObject<HTMLElement | null>, load: string | number | boolean = 0): void {
  const places = useRef<Map<string, Place> | undefined>(undefined)
  const versions = useRef(new Map<string, string>())
  const lastLoad = useRef(load)

  useLayoutEffect(() => {
    const root = container.current
    if (root === null) return
    const origin = root.getBoundingClientRect()
    const before = lastLoad.current === load ? places.current : undefined
    lastLoad.current = load
    const now = new Map<string, Place>()
    const nowVersions = new Map<string, string>()
    for (const element of root.querySelectorAll<HTMLElement>('[data-row]')) {
      const id = element.dataset['row'] ?? ''
      const box = element.getBoundingClientRect()
      const place = { left: box.left - origin.left, top: box.top - origin.top + root.scrollTop }
      now.set(id, place)
      nowVersions.set(id, element.dataset['version'] ?? '')
      // Nothing moves on the first render: the whole list has just come.
      if (before === undefined || prefersReducedMotion()) continue
      animate(element, before.get(id), place)
      const version = versions.current.get(id)
      if (version !== undefined && version !== nowVersions.get(id)) flash(element)
    }
    places.current = now
    versions.current = nowVersions
  })
}

function animate(element: HTMLElement, from: Place | undefined, to: Place): void {
  if (from === undefined) {
    element.animate(
      [
        { opacity: 0, transform: 'translateY(10px) scale(0.97)' },
        { opacity: 1, transform: 'none' },
      ],
      { duration: MOVE_MS, easing: EASE },
    )
    flash(element)
    return
  }
  const [x, y] = [from.left - to.left, from.top - to.top]
  if (Math.abs(x) < 1 && Math.abs(y) < 1) return
  element.animate(
    [
      { transform: `translate(${x}px, ${y}px)`, zIndex: 2 },
      { transform: 'none', zIndex: 2 },
    ],
    { duration: MOVE_MS, easing: EASE },
  )
}

function flash(element: HTMLElement): void {
  element.animate([{ boxShadow: '0 0 0 2px var(--flash), 0 0 0 6px var(--flash-halo)', backgroundColor: 'var(--flash-fill)' }, {}], {
    duration: 1_400,
    easing: 'ease-out',
  })
}
