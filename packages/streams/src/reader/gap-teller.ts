import { errorCodeOf, type EntryId } from '@zenstack-live/protocol'
import { StreamGapError, type GapReason, type StreamGap } from '../stream-error.ts'
import { untilStopped } from '../wait.ts'
import { describeGap } from './describe-gap.ts'
import type { Progress } from './progress.ts'
import type { ReaderConfig } from './reader-config.ts'
import type { Saver } from './saver.ts'

export interface GapTellerDeps {
  config: ReaderConfig
  progress: Progress
  saver: Saver
  /** Resolves when nothing is unfinished, or, once the reader ends, when nothing runs. */
  drained(this: void): Promise<void>
  /** Aborts when the reader ends. */
  signal: AbortSignal
}

/** Tells whoever reads a stream that changes are missing, and moves its place behind them. */
export class GapTeller {
  readonly #deps: GapTellerDeps

  constructor(deps: GapTellerDeps) {
    this.#deps = deps
  }

  /** What an entry of the log says of itself. @throws {StreamGapError} when nobody takes care of it, as below */
  tellAt({ entry, previous }: { entry: { id: EntryId }; previous: EntryId }, reason: GapReason, message: string): Promise<void> {
    const { config, progress } = this.#deps
    return this.#announce({ id: config.id, reason, after: previous, resumesAfter: entry.id, message }, progress.log)
  }

  /** What reading from the present place failed with. Does nothing where the log is another one and the place is one of it. */
  async tell(error: unknown): Promise<void> {
    const { config, progress } = this.#deps
    const state = await config.log.state()
    if (errorCodeOf(error) === 'log_recreated' && progress.log === state.identity) return
    const reason = errorCodeOf(error) === 'log_gap' ? 'retention' : 'lost'
    const message = error instanceof Error ? error.message : String(error)
    await this.#announce(describeGap(state, config.id, reason, progress.scanned, message), state.identity)
  }

  /**
   * What came before the gap is finished first; then the place moves behind it, when someone has taken care of it. A reader that ends
   * waits for none of that, only for who takes care already, as for a handler; else the place stays, and the gap is told again.
   */
  async #announce(gap: StreamGap, identity: string): Promise<void> {
    const { config, progress, saver, drained, signal } = this.#deps
    await untilStopped(drained(), signal)
    // Only the owner tells, and the place is kept before: it is told again until someone takes care of it, whatever the log lost.
    await untilStopped(saver.flush(), signal)
    if (signal.aborted) return
    const { onGap } = config
    if (onGap === undefined) throw new StreamGapError(gap)
    const takeCare = async (): Promise<true> => {
      await onGap(gap)
      return true
    }
    const isTakenCareOf = await untilStopped(takeCare(), signal, config.limits.drainMs)
    if (isTakenCareOf !== true) return
    progress.log = identity
    progress.jump(gap.resumesAfter)
    await untilStopped(saver.flush(), signal)
  }
}

const GAPS: ReadonlySet<string | undefined> = new Set(['log_gap', 'log_lost_tail', 'log_recreated'])

/** Whether an error of the log says that changes are missing. */
export function isGap(error: unknown): boolean {
  return GAPS.has(errorCodeOf(error))
}
