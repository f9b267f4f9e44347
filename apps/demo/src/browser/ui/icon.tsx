import type { JSX } from 'react'

const PATHS = {
  lock: 'M4.75 7V5.25a3.25 3.25 0 0 1 6.5 0V7M3.5 7h9v6.5h-9z',
  comment: 'M2.5 3.5h11v7.5H7L4 13.5V11H2.5z',
  plus: 'M8 3v10M3 8h10',
  minus: 'M3 8h10',
  close: 'M4 4l8 8M12 4l-8 8',
  chevron: 'M4 6l4 4 4-4',
  sun: 'M8 5.25a2.75 2.75 0 1 0 0 5.5 2.75 2.75 0 0 0 0-5.5ZM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1',
  moon: 'M13 9.6A5.4 5.4 0 0 1 6.4 3a5.4 5.4 0 1 0 6.6 6.6Z',
  system: 'M2 3h12v8H2zM6 13.5h4',
  people:
    'M6 7.5a2.25 2.25 0 1 0 0-4.5 2.25 2.25 0 0 0 0 4.5ZM1.75 13c.3-2.3 1.9-3.5 4.25-3.5s3.95 1.2 4.25 3.5M10.5 3.2a2.2 2.2 0 0 1 0 4.1M12 9.8c1.3.5 2.1 1.6 2.3 3.2',
  cut: 'M6.5 9.5 9.5 6.5M7 4.5l1.2-1.2a3.2 3.2 0 0 1 4.5 4.5L11.5 9M9 11.5l-1.2 1.2a3.2 3.2 0 0 1-4.5-4.5L4.5 7M3 2.5 4 4M13 13.5 12 12',
  play: 'M5 3.5v9l7-4.5z',
  reset: 'M3.5 8a4.5 4.5 0 1 1 1.4 3.3M3 13v-2.5h2.5',
  leave: 'M9.5 3H3.5v10h6M7 8h6.5M11 5.5 13.5 8 11 10.5',
  trash: 'M3 4.5h10M6.5 4V2.75h3V4M4.5 4.5l.6 8.75h5.8l.6-8.75',
} as const

export type IconName = keyof typeof PATHS

/** Decoration only: the control around it carries the name. */
export function Icon({ name }: { name: IconName }): JSX.Element {
  return (
    <svg className="icon" viewBox="0 0 16 16" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  )
}
