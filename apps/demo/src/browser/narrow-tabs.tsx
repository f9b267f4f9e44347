import type { JSX } from 'react'
import type { Desk } from './desk/desk.ts'
import { useStore } from './desk/store.ts'
import { useDirectory } from './people/directory.ts'

export type View = 'left' | 'right' | 'sql' | 'streams'

/** On a narrow screen one thing is shown at a time. */
export function NarrowTabs({ desks, view, onView }: { desks: readonly Desk[]; view: View; onView: (view: View) => void }): JSX.Element {
  const tab = (name: View, label: string): JSX.Element => (
    <button key={name} type="button" aria-current={view === name ? 'page' : undefined} onClick={() => onView(name)}>
      {label}
    </button>
  )
  return (
    <nav className="narrow-tabs" aria-label="Views">
      {desks.map((desk) => (
        <DeskTab key={desk.name} desk={desk} tab={tab} />
      ))}
      {tab('sql', 'SQL')}
      {tab('streams', 'Streams')}
    </nav>
  )
}

function DeskTab({ desk, tab }: { desk: Desk; tab: (name: View, label: string) => JSX.Element }): JSX.Element {
  const session = useStore(desk.session)
  const person = useDirectory().find(({ id }) => id === session?.personId)
  return tab(desk.name, person?.name.split(' ')[0] ?? 'Sign in')
}
