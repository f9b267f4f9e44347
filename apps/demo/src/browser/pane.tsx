import { QueryClientProvider } from '@tanstack/react-query'
import { LiveProvider } from '@zenstack-live/react'
import { QuerySettingsProvider } from '@zenstackhq/tanstack-query/react'
import type { CSSProperties, JSX } from 'react'
import { DeskProvider, type Desk } from './desk/desk.ts'
import { useStore } from './desk/store.ts'
import { useDirectory } from './people/directory.ts'
import { SignIn } from './people/sign-in.tsx'
import { Workspace } from './workspace.tsx'

/** One person's half of the page. */
export function Pane({ desk }: { desk: Desk }): JSX.Element {
  const session = useStore(desk.session)
  const person = useDirectory().find(({ id }) => id === session?.personId)
  const style = person === undefined ? {} : ({ '--hue': person.hue } as CSSProperties)
  return (
    <section className="pane" data-desk={desk.name} style={style} aria-label={`${person?.name ?? 'Nobody'}, ${desk.name} side`}>
      <DeskProvider value={desk}>
        <QueryClientProvider client={desk.queryClient}>
          <LiveProvider client={desk.live}>
            <QuerySettingsProvider value={{ endpoint: '/api/model', fetch: desk.live.fetch }}>
              {session === null && <SignIn />}
              {session && <Workspace key={session.personId} personId={session.personId} />}
            </QuerySettingsProvider>
          </LiveProvider>
        </QueryClientProvider>
      </DeskProvider>
      <Notices desk={desk} />
    </section>
  )
}

function Notices({ desk }: { desk: Desk }): JSX.Element {
  const notices = useStore(desk.notices)
  return (
    <div className="notices" role="status">
      {notices.map((notice) => (
        <p key={notice.number}>{notice.text}</p>
      ))}
    </div>
  )
}
