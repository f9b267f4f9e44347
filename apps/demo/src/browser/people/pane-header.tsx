import type { JSX } from 'react'
import { useDesk } from '../desk/desk.ts'
import { Icon } from '../ui/icon.tsx'
import { Avatar } from './avatar.tsx'
import { LivePill } from './live-pill.tsx'
import { usePerson } from './person.ts'
import { ROLE_NAMES } from './role-names.ts'

export function PaneHeader(): JSX.Element {
  const { session } = useDesk()
  const { me } = usePerson()
  return (
    <header className="pane-header">
      <Avatar face={me} size={34} />
      <div className="who">
        <h2>{me.name}</h2>
        <p>
          {me.title}
          <span className="role" data-role={me.role}>
            {ROLE_NAMES[me.role]}
          </span>
        </p>
      </div>
      <LivePill />
      <button type="button" className="button quiet" onClick={() => session.signOut()} title="Let somebody else sit here">
        <Icon name="leave" />
        <span>Sign out</span>
      </button>
    </header>
  )
}
