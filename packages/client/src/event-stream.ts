import { createSseDecoder, type SseBlock } from '@zenstack-live/protocol'
import type { LiveFetch } from './live-fetch.ts'
import type { ClientLimits } from './limits.ts'
import type { StreamEnd } from './stream-end.ts'

export interface StreamOptions {
  readonly endpoint: string
  readonly fetch: LiveFetch
  readonly limits: ClientLimits
}

/** What of `fetch`'s options a stream has of its own. */
export interface StreamRequest {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** One request and what it brings. Watches over its own silence. Every way to end is an answer: nothing is thrown. */
export abstract class EventStream {
  lastByteAt = Date.now()
  readonly #options: StreamOptions
  readonly #controller = new AbortController()
  #watchdog: ReturnType<typeof setTimeout> | undefined
  #retryMs: number | undefined
  /** Accepted, but not one byte, not even the heartbeat: something between here and the server holds the stream back. */
  #isSilent = false
  #isFollowing = false

  constructor(options: StreamOptions) {
    this.#options = options
  }

  /** @returns a promise where it cannot be taken yet: it is given again when that resolves, and nothing more is read until then. */
  protected abstract onBlock(block: SseBlock): Promise<unknown> | undefined
  /** Says what an answer means that is not a stream. */
  protected abstract onAnswer(response: Response): Promise<StreamEnd>
  /** Called once, unless the stream is closed before. */
  protected abstract onEnd(end: StreamEnd): void

  get limits(): ClientLimits {
    return this.#options.limits
  }

  end(end: StreamEnd = { kind: 'lost', retryMs: this.#retryMs }): void {
    if (this.#controller.signal.aborted) return
    this.close()
    this.onEnd(end)
  }

  close(): void {
    clearTimeout(this.#watchdog)
    this.#controller.abort()
  }

  protected async request(url: string, request: StreamRequest): Promise<void> {
    this.#watch()
    const { signal } = this.#controller
    const headers = { ...request.headers, accept: 'text/event-stream' }
    const response = await this.#options.fetch(url, { ...request, headers, cache: 'no-store', signal }).catch(() => undefined)
    // Cut, aborted, or not a stream of ours: the owner comes back with its position, or has given up already.
    this.end(response === undefined ? undefined : await this.#read(response).catch(() => undefined))
  }

  /** It has begun: from here on the server writes often. */
  protected follow(): void {
    this.#isFollowing = true
    this.#watch()
  }

  #watch(): void {
    const { openTimeoutMs, silenceMs } = this.limits
    clearTimeout(this.#watchdog)
    this.#watchdog = setTimeout(
      () => this.end(this.#isSilent ? { kind: 'lost', isSilent: true } : undefined),
      this.#isFollowing ? silenceMs : openTimeoutMs,
    )
  }

  async #read(response: Response): Promise<StreamEnd | undefined> {
    const { ok, headers, body } = response
    if (!ok || body === null || headers.get('content-type')?.startsWith('text/event-stream') === false) return this.onAnswer(response)
    this.#isSilent = true
    const decoder = createSseDecoder()
    const text = new TextDecoder()
    const reader = body.getReader()
    for (;;) {
      const { done, value } = await reader.read()
      if (done || this.#controller.signal.aborted) return undefined
      this.#isSilent = false
      this.lastByteAt = Date.now()
      this.#watch()
      for (const block of decoder.feed(text.decode(value, { stream: true }))) {
        this.#retryMs = block.retryMs ?? this.#retryMs
        const { signal } = this.#controller
        let wait = this.onBlock(block)
        while (wait !== undefined) {
          await wait
          wait = signal.aborted ? undefined : this.onBlock(block)
        }
        if (signal.aborted) return undefined
      }
    }
  }
}
