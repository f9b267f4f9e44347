import { LiveError } from '@zenstack-live/protocol'
import { backoffMs } from './backoff-ms.ts'
import type { ClientLimits } from './limits.ts'

export interface LazyCodeOptions {
  readonly limits: ClientLimits
  /** Between 0 and 1. */
  readonly random: () => number
}

/** For whom code is loaded. */
export interface LazyCodeHost<Code> {
  load(): Promise<Code>
  /** Whether someone waits for it. */
  isWanted(): boolean
  /** Called once. */
  arrived(code: Code): void
  /** `error` differs. */
  moved(): void
}

/**
 * Code that is loaded beside what runs already. What does not arrive is asked for again with growing pauses, for as long as someone wants it.
 * Browsers of before mid-2026 remember for the life of a page that a module did not load: there only loading the page again helps, and `error` says so.
 */
export class LazyCode<Code> {
  /** Once it is there. */
  code: Code | undefined
  /** Since it failed to load several times. */
  error: LiveError | undefined
  readonly #options: LazyCodeOptions
  readonly #host: LazyCodeHost<Code>
  #failures = 0
  #isAsked = false
  #retry: ReturnType<typeof setTimeout> | undefined

  constructor(options: LazyCodeOptions, host: LazyCodeHost<Code>) {
    this.#options = options
    this.#host = host
  }

  /** Someone wants it: loads it, unless that was begun before, or failed and is to be tried again. */
  ask(): void {
    if (this.#isAsked || this.#retry !== undefined || !this.#host.isWanted()) return
    this.#isAsked = true
    void this.#load()
  }

  /** Ends the pause after a failure: tries again at once, if someone still wants it. */
  readonly askNow = (): void => {
    clearTimeout(this.#retry)
    this.#retry = undefined
    page()?.removeEventListener?.('online', this.askNow)
    this.ask()
  }

  /** As {@link LazyCode.askNow}, for someone who shall not be told of what failed before. */
  askAnew(): void {
    this.#failures = 0
    if (this.error !== undefined) this.#become(undefined)
    this.askNow()
  }

  async #load(): Promise<void> {
    try {
      this.code = await this.#host.load()
    } catch (cause) {
      return this.#fail(cause)
    }
    this.error = undefined
    this.#host.arrived(this.code)
  }

  #fail(cause: unknown): void {
    const { limits, random } = this.#options
    this.#isAsked = false
    if (!this.#host.isWanted()) return
    this.#retry = setTimeout(this.askNow, backoffMs(this.#failures++, limits, random))
    page()?.addEventListener?.('online', this.askNow)
    if (this.#failures === limits.codeTries) this.#become(new LiveError('client_incomplete', MESSAGE, { cause }))
  }

  #become(error: LiveError | undefined): void {
    this.error = error
    this.#host.moved()
  }
}

const MESSAGE = 'A file of the client did not load: load the page again.'

/** React Native has a `window` that nobody can listen to. */
function page(): Partial<Window> | undefined {
  return typeof window === 'undefined' ? undefined : window
}
