import { useLiveStatus, type LiveStatus } from '@zenstack-live/react'
import type { JSX } from 'react'
import { useDesk } from '../desk/desk.ts'
import { useStore } from '../desk/store.ts'

const TEXTS: Readonly<Record<LiveStatus, string>> = {
  idle: 'Idle',
  connecting: 'Connecting',
  live: 'Live',
  'catching-up': 'Catching up',
  polling: 'Polling',
  offline: 'Offline',
  denied: 'Refused',
  stalled: 'Incomplete',
  closed: 'Closed',
}

/** Whether this pane follows the database at this moment. */
export function LivePill(): JSX.Element {
  const { isCut } = useStore(useDesk().network)
  const status = useLiveStatus()
  return (
    <span className="live-pill" data-state={isCut ? 'cut' : status} role="status">
      <span className="dot" aria-hidden="true" />
      {isCut ? 'Cut off' : TEXTS[status]}
    </span>
  )
}
