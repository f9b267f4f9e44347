import { expect } from 'vitest'
import { applyJsonPatch, type ProjectionFrame } from '../../src/index.ts'

export async function take<Frame>(frames: AsyncIterator<Frame>): Promise<Frame> {
  const { value, done } = await frames.next()
  if (done === true) throw new Error('The frames ended.')
  return value
}

/** What a watcher shows that got these frames. Fails where they do not follow one another. */
export function showFrames<State>(frames: readonly ProjectionFrame<State>[]): unknown {
  let shown: unknown
  let position = -1
  for (const frame of frames) {
    if (frame.kind === 'patch') expect(frame.from).toBe(position)
    shown = frame.kind === 'snapshot' ? frame.state : applyJsonPatch(shown, frame.patch)
    position = frame.kind === 'snapshot' ? frame.position : frame.to
  }
  return shown
}
