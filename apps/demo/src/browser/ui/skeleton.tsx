import type { JSX } from 'react'

/** The shape of a pane before its first snapshot is here. */
export function Skeleton({ failure }: { failure?: Error | null | undefined }): JSX.Element {
  return (
    <div className="skeleton" role="status">
      <span className="hidden">Loading</span>
      {failure && <p className="failure">The server cannot be reached. Trying again.</p>}
      <div className="bar" />
      <div className="columns">
        {[3, 2, 2].map((count, column) => (
          <div key={column}>
            {Array.from({ length: count }, (_, row) => (
              <div key={row} className="block" />
            ))}
          </div>
        ))}
      </div>
    </div>
  )
}
