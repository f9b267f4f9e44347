import { createSseDecoder, type SseBlock } from '@zenstack-live/protocol'
import type { LiveFetch } from './live-fetch.ts'
import type { ClientLimits } from './limits.ts'
import { endOf, isBusy, isRetryable, refusalIn, type StreamEnd } from './stream-end.ts'

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

export interface StreamHandlers {
  onBlock(block: SseBlock): void
  /** Called once, unless the stream is closed before. */
  onEnd(end: StreamEnd): void
}

/** One request and what it brings. Watches over its own silence. Every way to end is an answer: nothing is thrown. */
export class EventStream {
  lastByteAt = Date.now()
  readonly #options: StreamOptions
  readonly #handlers: StreamHandlers
  readonly #controller = new AbortController()
  #watchdog: ReturnType<typeof setTimeout> | undefined
  #retryMs: number | undefined
  /** Accepted, but not one byte, not even the heartbeat: something between here and the server holds the stream back. */
  #isSilent = false
  #isFollowing = false

  constructor(options: StreamOptions, handlers: StreamHandlers) {
    this.#options = options
    this.#handlers = handlers
  }

  async open(url: string, request: StreamRequest = {}): Promise<void> {
    this.#watch()
    const { signal } = this.#controller
    const headers = { ...request.headers, accept: 'text/event-stream' }
    const response = await this.#options.fetch(url, { ...request, headers, cache: 'no-store', signal }).catch(() => undefined)
    // Cut, aborted, or not a stream of ours: the owner comes back with its position, or has given up already.
    this.end(response === undefined ? undefined : await this.#read(response).catch(() => undefined))
  }

  /** It has begun: from here on the server writes often. */
  follow(): void {
    this.#isFollowing = true
    this.#watch()
  }

  end(end: StreamEnd = { kind: 'lost', retryMs: this.#retryMs }): void {
    if (this.#controller.signal.aborted) return
    this.close()
    this.#handlers.onEnd(end)
  }

  close(): void {
    clearTimeout(this.#watchdog)
    this.#controller.abort()
  }

  #watch(): void {
    const { openTimeoutMs, silenceMs } = this.#options.limits
    clearTimeout(this.#watchdog)
    this.#watchdog = setTimeout(
      () => this.end(this.#isSilent ? { kind: 'lost', isSilent: true } : undefined),
      this.#isFollowing ? silenceMs : openTimeoutMs,
    )
  }

  async #read(response: Response): Promise<StreamEnd | undefined> {
    const { status, headers, body } = response
    if (status === 204) return endOf('forbidden')
    if (!response.ok) {
      const code = await refusalIn(response)
      const mayHelpLater = isRetryable(code) || (isBusy(status) && !FINAL_CODES.has(code))
      return endOf(code, mayHelpLater, (Number(headers.get('retry-after')) || 0) * 1000)
    }
    if (body === null) return { kind: 'lost', isStreamless: true }
    if (headers.get('content-type')?.startsWith('text/event-stream') === false) return endOf('bad_request')
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
        this.#handlers.onBlock(block)
        if (this.#controller.signal.aborted) return undefined
      }
    }
  }
}

/** Wrong set-up of the server: it answers 500, but no time will mend it. */
const FINAL_CODES: ReadonlySet<string> = new Set(['unprotected_client', 'foreign_database'])
