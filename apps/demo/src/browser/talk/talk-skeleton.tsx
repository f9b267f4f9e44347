import type { JSX } from 'react'

/** The shape of the list before its first page is here. */
export function TalkSkeleton({ failure }: { failure: Error | null }): JSX.Element {
  return (
    <div className="skeleton" role="status">
      <span className="hidden">Loading</span>
      {failure !== null && <p className="failure">The server cannot be reached. Trying again.</p>}
      {Array.from({ length: 6 }, (_, row) => (
        <div key={row} className="block" />
      ))}
    </div>
  )
}
