import { useState, type JSX } from 'react'
import { createDesk, type Desk } from './desk/desk.ts'
import { Inspector } from './dock/inspector.tsx'
import { SqlPanel } from './dock/sql-panel.tsx'
import { Pane } from './pane.tsx'
import { TopBar } from './top-bar.tsx'
import { NarrowTabs, type View } from './narrow-tabs.tsx'

// One side each, made once for the page: a stream belongs to a desk, not to a render.
const LEFT = createDesk('left', 'mara')
const RIGHT = createDesk('right', 'jonas')
const DESKS: readonly Desk[] = [LEFT, RIGHT]

export function App(): JSX.Element {
  const [view, setView] = useState<View>('left')
  const [isDockOpen, setDockOpen] = useState(true)
  return (
    <div className="app" data-view={view} data-dock={isDockOpen ? 'open' : 'closed'}>
      <TopBar isDockOpen={isDockOpen} onDock={() => setDockOpen(!isDockOpen)} />
      <main className="page">
        <h1 className="hidden">Tandem: two people, one database</h1>
        <div className="desks">
          {DESKS.map((desk) => (
            <Pane key={desk.name} desk={desk} />
          ))}
        </div>
        <div className="dock" hidden={!isDockOpen}>
          <SqlPanel />
          {DESKS.map((desk) => (
            <Inspector key={desk.name} desk={desk} />
          ))}
        </div>
      </main>
      <NarrowTabs desks={DESKS} view={view} onView={setView} />
    </div>
  )
}
