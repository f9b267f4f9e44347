import type { ConnectionEvent, ConnectionState } from './connection-machine.ts'
import { listenToPage, type PageEvent } from './page-events.ts'
import { openTabChannel, type ScopeChange, type TabChannel } from './tab-channel.ts'

/** What of a connection the life of the page concerns. */
export interface LivingConnection {
  readonly state: ConnectionState
  dispatch(event: ConnectionEvent): void
  /** Since its stream brought something. */
  quietMs(): number
}

export interface PageLifeHost {
  /** Who is asking now. Reading it notices that the person changed. */
  scope(): string | null
  connections(): Iterable<LivingConnection>
}

export interface PageLifeOptions {
  readonly endpoint: string
  /** Whether the person's other tabs are told, and heard. */
  readonly sharesSignOut: boolean
}

/** Tells connections what the page goes through, and what happened to the person in other tabs. */
export class PageLife {
  readonly #options: PageLifeOptions
  readonly #host: PageLifeHost
  #tabs: TabChannel | undefined
  #stopListening: (() => void) | undefined

  constructor(options: PageLifeOptions, host: PageLifeHost) {
    this.#options = options
    this.#host = host
  }

  /** From now on there is something to keep current. */
  start(): void {
    const { endpoint, sharesSignOut } = this.#options
    this.#stopListening = listenToPage((event) => this.#saw(event))
    if (sharesSignOut) this.#tabs = openTabChannel(endpoint, (change) => this.#heard(change))
  }

  stop(): void {
    this.#stopListening?.()
    this.#tabs?.close()
    this.#tabs = undefined
  }

  /** The person changed in this tab. */
  announce(change: ScopeChange): void {
    this.#tabs?.announce(change)
  }

  #heard({ left, entered }: ScopeChange): void {
    // Asked first: this tab may have noticed by itself, and be someone else already.
    const scope = this.#host.scope()
    if (scope === null) return
    for (const connection of this.#host.connections()) {
      if (left === scope) connection.dispatch({ kind: 'signed-out' })
      else if (entered === scope && connection.state.kind === 'signed-out') connection.dispatch({ kind: 'retry' })
    }
  }

  #saw(kind: PageEvent): void {
    this.#host.scope()
    for (const connection of this.#host.connections()) connection.dispatch(kind === 'wake' ? { kind, quietMs: connection.quietMs() } : { kind })
  }
}
