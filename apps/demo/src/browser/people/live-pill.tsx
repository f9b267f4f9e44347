import type { JSX } from 'react'
import { useDesk } from '../desk/desk.ts'
import { useStore } from '../desk/store.ts'

export interface LiveState {
  isLive: boolean
}

/** Whether this pane follows the database at this moment. */
export function LivePill({ status }: { status: LiveState }): JSX.Element {
  const { isCut } = useStore(useDesk().network)
  const [state, text] = isCut ? ['cut', 'Cut off'] : status.isLive ? ['live', 'Live'] : ['waiting', 'Connecting']
  return (
    <span className="live-pill" data-state={state} role="status">
      <span className="dot" aria-hidden="true" />
      {text}
    </span>
  )
}
