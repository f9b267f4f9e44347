import { createLiveClient, useLiveQuery } from '@zenstack-live/react'
import { schema } from '@zenstack-live/testing/workspace'
import { memo, useLayoutEffect, useState, type ReactElement } from 'react'
import { sampleFrames, type FrameSample } from './sample-frames.ts'
import { show } from './show.tsx'

/** What the benchmark asks of this page. */
interface Counts {
  /** How often the list was rendered. */
  renders: number
  /** The number of the transaction that the last render showed: the list's last row carries it. */
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

show(live, <Board />)
