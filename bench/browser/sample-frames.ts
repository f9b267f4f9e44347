/** Milliseconds between animation frames, one after the other. */
export interface FrameSample {
  readonly intervalsMs: number[]
}

/** Notes when the page may draw, for so long. */
export function sampleFrames(ms: number): Promise<FrameSample> {
  return new Promise((resolve) => {
    const intervalsMs: number[] = []
    let [begun, before] = [Number.NaN, Number.NaN]
    const frame = (at: number): void => {
      if (Number.isNaN(begun)) begun = at
      else intervalsMs.push(at - before)
      before = at
      if (at - begun < ms) requestAnimationFrame(frame)
      else resolve({ intervalsMs })
    }
    requestAnimationFrame(frame)
  })
}
