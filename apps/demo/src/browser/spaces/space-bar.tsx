import { useLiveQuery } from '@zenstack-live/react'
import type { JSX } from 'react'
import type { Space } from '../../../schema/generated/models.ts'
import { STATUSES, STATUS_NAMES } from '../board/statuses.ts'
import { useDesk } from '../desk/desk.ts'
import { Avatar } from '../people/avatar.tsx'

const VIEWS = ['Board', 'Talk', 'Shop'] as const

export type SpaceView = (typeof VIEWS)[number]

interface SpaceBarProps {
  space: Pick<Space, 'id' | 'purpose'>
  view: SpaceView
  onView: (view: SpaceView) => void
  onMembers: () => void
}

/** What the space is for, who is in it, and how far its work is; and which of its pages is shown. */
export function SpaceBar({ space, view, onView, onMembers }: SpaceBarProps): JSX.Element {
  const { live } = useDesk()
  const members = useLiveQuery(live.membership.findMany({ where: { spaceId: space.id }, include: { user: true }, orderBy: { joined: 'asc' } }))
  const counts = useLiveQuery(live.task.groupBy({ by: ['status'], where: { spaceId: space.id }, _count: true }))
  const countOf = (status: string): number => counts.data?.find((group) => group.status === status)?._count ?? 0
  const summary = STATUSES.map((status) => `${countOf(status)} ${STATUS_NAMES[status].toLowerCase()}`).join(', ')
  return (
    <div className="space-bar">
      <div className="segments views" role="group" aria-label="Pages of this space">
        {VIEWS.map((name) => (
          <button key={name} type="button" aria-pressed={name === view} onClick={() => onView(name)}>
            {name}
          </button>
        ))}
      </div>
      <p className="purpose">{space.purpose}</p>
      <div className="progress" role="img" aria-label={`Tasks you can see: ${summary}`} title={summary}>
        {STATUSES.map((status) => (
          <span key={status} data-status={status} style={{ flexGrow: countOf(status) }} />
        ))}
      </div>
      <button type="button" className="faces" onClick={onMembers}>
        <span className="hidden">{members.data?.length ?? 0} people in this space</span>
        {members.data?.map(({ id, user }) => user !== null && <Avatar key={id} face={user} size={24} />)}
      </button>
    </div>
  )
}
