import { useLiveQuery } from '@zenstack-live/react'
import { useState, type JSX } from 'react'
import { Board } from './board/board.tsx'
import { useDesk } from './desk/desk.ts'
import { PersonProvider, type Person } from './people/person.ts'
import { PaneHeader } from './people/pane-header.tsx'
import { MembersSheet } from './spaces/members-sheet.tsx'
import { Shop } from './shop/shop.tsx'
import { SpaceBar, type SpaceView } from './spaces/space-bar.tsx'
import { SpaceTabs } from './spaces/space-tabs.tsx'
import { Talk } from './talk/talk.tsx'
import { TaskSheet } from './task/task-sheet.tsx'
import { Skeleton } from './ui/skeleton.tsx'

type OpenSheet = { kind: 'task'; id: string } | { kind: 'members' } | undefined

/** What one signed-in person sees. Everything here is a live query, bound to that person's policies by the server. */
export function Workspace({ personId }: { personId: string }): JSX.Element {
  const { live } = useDesk()
  const people = useLiveQuery(live.user.findMany({ orderBy: { name: 'asc' } }))
  const spaces = useLiveQuery(live.space.findMany({ orderBy: { position: 'asc' } }))
  const [chosenId, setChosenId] = useState<string>()
  const [sheet, setSheet] = useState<OpenSheet>()
  const [view, setView] = useState<SpaceView>('Board')

  // The first space stays chosen when it is taken away: its owner should see it go, not be moved elsewhere.
  const firstId = spaces.data?.[0]?.id
  if (chosenId === undefined && firstId !== undefined) setChosenId(firstId)
  const spaceId = chosenId ?? firstId
  const space = spaces.data?.find(({ id }) => id === spaceId)
  const me = people.data?.find(({ id }) => id === personId)
  const closeSheet = (): void => setSheet(undefined)
  const openTask = (id: string): void => setSheet({ kind: 'task', id })
  const choose = (id: string): void => {
    setChosenId(id)
    closeSheet()
  }
  const person: Person | undefined =
    me === undefined || people.data === undefined
      ? undefined
      : { me, people: people.data, isManager: me.role === 'MANAGER', canWrite: me.role !== 'GUEST' }

  if (person === undefined || spaces.data === undefined) return <Skeleton failure={people.error ?? spaces.error} />
  return (
    <PersonProvider value={person}>
      <PaneHeader />
      <SpaceTabs spaces={spaces.data} currentId={spaceId} onChoose={choose} />
      {spaceId === undefined ? (
        <p className="empty-pane">You are not a member of any space yet. A manager can add you.</p>
      ) : (
        <div className="space" data-gone={space === undefined}>
          {space !== undefined && <SpaceBar space={space} view={view} onView={setView} onMembers={() => setSheet({ kind: 'members' })} />}
          {view === 'Shop' && space !== undefined && <Shop key={spaceId} spaceId={spaceId} />}
          {view === 'Talk' && space !== undefined && <Talk key={spaceId} spaceId={spaceId} onOpen={openTask} />}
          {(view === 'Board' || space === undefined) && <Board key={spaceId} spaceId={spaceId} isGone={space === undefined} onOpen={openTask} />}
          {sheet?.kind === 'task' && <TaskSheet key={sheet.id} taskId={sheet.id} onClose={closeSheet} />}
          {sheet?.kind === 'members' && space !== undefined && <MembersSheet space={space} onClose={closeSheet} />}
        </div>
      )}
    </PersonProvider>
  )
}
