import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { createLiveClient, LiveProvider, useLiveQuery } from '@zenstack-live/react'
import { schema } from '@zenstack-live/testing/workspace'
import { memo, useLayoutEffect, useState, type ReactElement } from 'react'
import { createRoot } from 'react-dom/client'
import { sampleFrames, type FrameSample } from './sample-frames.ts'

/** What the benchmark asks of this page. */
interface Counts {
  /** How often the list was rendered. */
  renders: number
  /** The highest number that a title of the list carried in a render. */
  last: number
}

declare global {
  interface Window {
    counts: Counts
    sampleFrames(ms: number): Promise<FrameSample>
  }
}

window.counts = { renders: 0, last: 0 }
window.sampleFrames = sampleFrames

function countRender(last = 0): void {
  window.counts.renders++
  window.counts.last = last
}

const ROW_PX = 20
const SHOWN_ROWS = 40

const live = createLiveClient(schema)
const tasks = live.task.findMany()

/** A virtualised list: all rows in memory, those in view in the document. */
function Board(): ReactElement {
  const { data = [], isLive } = useLiveQuery(tasks)
  const [first, setFirst] = useState(0)
  useLayoutEffect(() => countRender(data.at(-1)?.priority))
  return (
    <div
      data-live={isLive}
      data-rows={data.length}
      style={{ height: ROW_PX * SHOWN_ROWS, overflowY: 'auto' }}
      onScroll={(event) => setFirst(Math.floor(event.currentTarget.scrollTop / ROW_PX))}
    >
      <ul style={{ height: data.length * ROW_PX, position: 'relative', margin: 0 }}>
        {data.slice(first, first + SHOWN_ROWS).map((task, index) => (
          <Task key={task.id} top={(first + index) * ROW_PX} title={task.title} status={task.status} />
        ))}
      </ul>
    </div>
  )
}

const Task = memo(({ top, title, status }: { top: number; title: string; status: string }): ReactElement => (
  <li style={{ position: 'absolute', top, height: ROW_PX }}>
    <b>{title}</b> <i>{status}</i>
  </li>
))

const root = document.querySelector('#root')
if (root === null) throw new Error('render.html has no #root.')
createRoot(root).render(
  <QueryClientProvider client={new QueryClient()}>
    <LiveProvider client={live}>
      <Board />
    </LiveProvider>
  </QueryClientProvider>,
)
