import type { JSX, ReactNode } from 'react'

interface SkeletonProps {
  failure?: Error | null | undefined
  /** The shape of what will be here; without it, that of a board. */
  children?: ReactNode
}

/** What is shown before the first snapshot is here. */
export function Skeleton({ failure, children = <BoardShape /> }: SkeletonProps): JSX.Element {
  return (
    <div className="skeleton" role="status">
      <span className="hidden">Loading</span>
      {failure && (
        <p className="failure">
          {isIncomplete(failure) ? 'A part of this page did not load. Trying again.' : 'The server cannot be reached. Trying again.'}
        </p>
      )}
      {children}
    </div>
  )
}

/** Where browsers do not fetch again what failed to load, the person has to load the page again. */
function isIncomplete(failure: Error): boolean {
  return 'code' in failure && failure.code === 'client_incomplete'
}

/** The shape of a list. */
export function SkeletonRows({ count }: { count: number }): JSX.Element {
  return (
    <>
      {Array.from({ length: count }, (_, row) => (
        <div key={row} className="block" />
      ))}
    </>
  )
}

function BoardShape(): JSX.Element {
  return (
    <>
      <div className="bar" />
      <div className="columns">
        {[3, 2, 2].map((count, column) => (
          <div key={column}>
            <SkeletonRows count={count} />
          </div>
        ))}
      </div>
    </>
  )
}
