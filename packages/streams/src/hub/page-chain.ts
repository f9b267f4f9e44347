import { compareEntryIds, type EntryId } from '@zenstack-live/protocol'
import type { StreamPage } from './stream-page.ts'

export interface PageNode {
  readonly page: StreamPage
  next: PageNode | undefined
  /** Cut off from its successors, so that a slow reader that still holds it does not hold them all. */
  isForgotten: boolean
}

/** Pages behind the newest whose changes stay parsed: as text they take a third of the memory, and the collector little time. */
const PARSED_PAGES = 8

/** Pages that follow each other in the log, the newest ones kept. */
export class PageChain {
  /** The first page is what follows it. */
  readonly start: EntryId
  readonly #maxPages: number
  #oldest: PageNode | undefined
  #newest: PageNode | undefined
  #oldestParsed: PageNode | undefined
  #count = 0
  #parsed = 0

  constructor(start: EntryId, maxPages: number) {
    this.start = start
    this.#maxPages = maxPages
  }

  /** The last entry of the newest page. */
  get head(): EntryId {
    return this.#newest?.page.last ?? this.start
  }

  append(page: StreamPage): void {
    const node: PageNode = { page, next: undefined, isForgotten: false }
    if (this.#newest === undefined) this.#oldest = node
    else this.#newest.next = node
    this.#newest = node
    this.#oldestParsed ??= node
    if (++this.#parsed > Math.min(PARSED_PAGES, this.#maxPages)) this.#releaseOldestParsed()
    if (++this.#count > this.#maxPages) this.#forgetOldest()
  }

  /** Whether nothing that follows the id, up to the head, was forgotten or never read. */
  reachesBackTo(cursor: EntryId): boolean {
    return compareEntryIds(cursor, this.#oldest?.page.after ?? this.start) >= 0
  }

  /** The kept page with what follows the id. Ask {@link reachesBackTo} first. */
  pageAfter(cursor: EntryId): PageNode | undefined {
    if (compareEntryIds(cursor, this.head) >= 0) return undefined
    for (let node = this.#oldest; node !== undefined; node = node.next) if (compareEntryIds(node.page.last, cursor) > 0) return node
    return undefined
  }

  #releaseOldestParsed(): void {
    const node = this.#oldestParsed
    if (node === undefined) return
    for (const changes of node.page.tables.values()) for (const change of changes) change.release()
    this.#oldestParsed = node.next
    this.#parsed--
  }

  #forgetOldest(): void {
    const oldest = this.#oldest
    if (oldest === undefined) return
    this.#oldest = oldest.next
    oldest.next = undefined
    oldest.isForgotten = true
    this.#count--
  }
}
