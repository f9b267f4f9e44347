import { ChangeLogError } from '@zenstack-live/change-log'
import { errorCodeOf, type EntryId } from '@zenstack-live/protocol'
import { StreamGapError, type GapReason, type StreamGap } from '../stream-error.ts'
import { describeGap } from './find-gap.ts'
import type { Progress } from './progress.ts'
import type { ReaderConfig } from './reader-config.ts'
import type { Saver } from './saver.ts'

export interface GapTellerDeps {
  config: ReaderConfig
  progress: Progress
  saver: Saver
  /** Resolves when nothing is unfinished, or, once the reader ends, when nothing runs. */
  drained(this: void): Promise<void>
  isStopping(this: void): boolean
}

/** Tells whoever reads a stream that changes are missing, and moves its place behind them. */
export class GapTeller {
  readonly #deps: GapTellerDeps

  constructor(deps: GapTellerDeps) {
    this.#deps = deps
  }

  /** What an entry of the log says of itself. @throws {StreamGapError} when nobody takes care of it, as below */
  tellAt({ entry, previous }: { entry: { id: EntryId }; previous: EntryId }, reason: GapReason, message: string): Promise<void> {
    return this.#announce({ id: this.#deps.config.id, reason, after: previous, resumesAfter: entry.id, message })
  }

  /** What reading from the present place failed with. */
  async tell(reason: GapReason, error: unknown): Promise<void> {
    const { config, progress } = this.#deps
    const message = error instanceof Error ? error.message : String(error)
    await this.#announce(await describeGap(config.log, config.id, reason, progress.scanned, message))
  }

  /** The place may be one of another log. */
  async checkIdentity(): Promise<void> {
    const { config, progress } = this.#deps
    if (progress.log === config.log.identity) return
    await this.tell('lost', new ChangeLogError('log_recreated', 'The change log was made anew since this stream last ran.'))
  }

  /** What came before the gap is finished first; then the place moves behind it, when someone has taken care of it. */
  async #announce(gap: StreamGap): Promise<void> {
    const { config, progress, saver, drained, isStopping } = this.#deps
    await drained()
    if (isStopping()) return
    if (config.onGap === undefined) throw new StreamGapError(gap)
    await config.onGap(gap)
    progress.log = config.log.identity
    progress.jump(gap.resumesAfter)
    await saver.flush()
  }
}

/** Which gap an error of the log is; `undefined` when none. */
export function gapReason(error: unknown): GapReason | undefined {
  const code = errorCodeOf(error)
  if (code === 'log_gap') return 'retention'
  return code === 'log_lost_tail' || code === 'log_recreated' ? 'lost' : undefined
}
