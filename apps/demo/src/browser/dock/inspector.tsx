import type { CSSProperties, JSX } from 'react'
import type { Desk } from '../desk/desk.ts'
import { useStore } from '../desk/store.ts'
import type { TappedFrame } from '../desk/tapped-network.ts'
import { useDirectory } from '../people/directory.ts'
import { describeFrame } from './describe-frame.ts'

/** What one person's browser received, byte for byte: the proof that what is hidden was never sent. */
export function Inspector({ desk }: { desk: Desk }): JSX.Element {
  const session = useStore(desk.session)
  const person = useDirectory().find(({ id }) => id === session?.personId)
  const { frames, frameCount, byteCount, lastEventId, isCut } = useStore(desk.network)
  const name = person?.name.split(' ')[0] ?? 'Nobody'
  return (
    <section
      className="panel inspector"
      data-desk={desk.name}
      data-cut={isCut}
      style={person && ({ '--hue': person.hue } as CSSProperties)}
      aria-label={`Stream of ${name}, ${desk.name} side`}
    >
      <header>
        <h2>{name}’s stream</h2>
        <p>
          {frameCount} {frameCount === 1 ? 'block' : 'blocks'}, {formatBytes(byteCount)}
        </p>
        <label className="switch">
          <input type="checkbox" role="switch" checked={!isCut} onChange={(event) => desk.network.setCut(!event.target.checked)} />
          {isCut ? 'Cut' : 'Connected'}
          <span className="hidden">: network of {name}</span>
        </label>
      </header>
      <p className="position">
        <span>Last position</span>
        <code title={lastEventId}>{lastEventId ?? 'none yet'}</code>
      </p>
      <ol className="frames" tabIndex={0} aria-label="Blocks, newest first">
        {frames.toReversed().map((frame) => (
          <Frame key={frame.number} frame={frame} />
        ))}
      </ol>
      {frames.length === 0 && <p className="muted">Nothing has come yet.</p>}
    </section>
  )
}

function Frame({ frame }: { frame: TappedFrame }): JSX.Element {
  const head = (
    <>
      <time>{clock(frame.time)}</time>
      <span className="event">{frame.event === 'id' ? 'position' : frame.event}</span>
      <span className="what">{describeFrame(frame)}</span>
      <span className="bytes">{frame.bytes > 0 ? `${frame.bytes} B` : ''}</span>
    </>
  )
  if (frame.data === undefined) {
    return (
      <li data-event={frame.event}>
        <div className="line">{head}</div>
      </li>
    )
  }
  return (
    <li data-event={frame.event}>
      <details>
        <summary className="line">{head}</summary>
        <pre>{JSON.stringify(frame.data, null, 2)}</pre>
      </details>
    </li>
  )
}

function clock(time: Date): string {
  return `${time.toTimeString().slice(0, 8)}.${String(time.getMilliseconds()).padStart(3, '0')}`
}

function formatBytes(bytes: number): string {
  return bytes < 1024 ? `${bytes} B` : `${(bytes / 1024).toFixed(1)} kB`
}
