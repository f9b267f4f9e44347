import { createSseDecoder, type SseBlock } from '@zenstack-live/protocol'
import type { ClientLimits } from './limits.ts'
import type { OpenRequest } from './open-request.ts'
import type { StreamEnd } from './stream-end.ts'

/** One request and what it brings. Watches over its own silence. Every way to end is an answer: nothing is thrown. */
export abstract class EventStream {
  readonly limits: ClientLimits
  lastByteAt = Date.now()
  readonly #request: OpenRequest
  #watchdog: ReturnType<typeof setTimeout> | undefined
  #retryMs: number | undefined
  /** Accepted, but not one byte, not even the heartbeat: something between here and the server holds the stream back. */
  #isSilent = false
  #isFollowing = false

  /** Reads the answer from now on. */
  constructor(limits: ClientLimits, request: OpenRequest) {
    this.limits = limits
    this.#request = request
    this.#watch()
    void this.#run()
  }

  protected abstract onBlock(block: SseBlock): void
  /** Says what an answer means that is not a stream. */
  protected abstract onAnswer(response: Response): Promise<StreamEnd>
  /** Called once, unless the stream is closed before. */
  protected abstract onEnd(end: StreamEnd): void

  end(end: StreamEnd = { kind: 'lost', retryMs: this.#retryMs }): void {
    if (this.#request.controller.signal.aborted) return
    this.close()
    this.onEnd(end)
  }

  close(): void {
    clearTimeout(this.#watchdog)
    this.#request.controller.abort()
  }

  /** It has begun: from here on the server writes often. */
  protected follow(): void {
    this.#isFollowing = true
    this.#watch()
  }

  async #run(): Promise<void> {
    const response = await this.#request.response
    // Cut, aborted, or not a stream of ours: the owner comes back with its position, or has given up already.
    this.end(response === undefined ? undefined : await this.#read(response).catch(() => undefined))
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
    const { signal } = this.#request.controller
    for (;;) {
      const { done, value } = await reader.read()
      if (done || signal.aborted) return undefined
      this.#isSilent = false
      this.lastByteAt = Date.now()
      this.#watch()
      for (const block of decoder.feed(text.decode(value, { stream: true }))) {
        this.#retryMs = block.retryMs ?? this.#retryMs
        this.onBlock(block)
        if (signal.aborted) return undefined
      }
    }
  }
}
