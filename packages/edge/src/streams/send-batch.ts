/** `sendEach` of the optional package `@zenstack-live/socket-writer`. */
export type SendEach = (sockets: Int32Array, count: number, chunk: Uint8Array, at: number, texts: Uint8Array, width: number) => void

/** A socket that can be written to past Node. */
export interface DirectSocket {
  /** It waits in a batch. Kept up by that: what follows waits behind it. */
  isBatched: boolean
  /** Its file descriptor now; below 0 once it is closed. Asked for when it is used: the system gives the numbers of closed ones to others. */
  readonly descriptor: number
  /** Writes by Node, which also finds out why the kernel did not take something. @returns whether there is room for more */
  give(chunk: Uint8Array): boolean
  /** What the kernel did not take left no room, a moment ago. */
  onFull(): void
}

/** As many as most processes hold: each socket then has its place, and finds its text there from last time. */
const MOST = 8192

/** Widest text that a batch takes, in bytes. */
export const WIDEST = 64

/** Sockets that are sent the same chunk, each with its own text in one place, by one call. */
export class SendBatch {
  readonly #sendEach: SendEach
  /** The first so many; what stands behind them is over. */
  readonly #sockets: (DirectSocket | undefined)[] = Array.from({ length: MOST }, () => undefined)
  #size = 0
  readonly #descriptors = new Int32Array(MOST)
  readonly #texts = Buffer.alloc(MOST * WIDEST)
  /** What of the texts stands there from last time, the very same: a change mostly concerns those whom the last one concerned, in the same order. */
  readonly #written: string[] = []
  #chunk: Buffer = Buffer.alloc(0)
  #at = 0
  #width = 0

  constructor(sendEach: SendEach) {
    this.#sendEach = sendEach
  }

  get size(): number {
    return this.#size
  }

  get isFull(): boolean {
    return this.#size === MOST
  }

  /** Whether the socket may wait with those that wait. */
  takes(socket: DirectSocket, chunk: Buffer): boolean {
    return this.size === 0 || (this.#chunk === chunk && !socket.isBatched)
  }

  /**
   * @param at - where in the chunk the text belongs
   * @param text - Latin-1, as wide as all others that wait
   */
  add(socket: DirectSocket, chunk: Buffer, at: number, text: string): void {
    this.#chunk = chunk
    this.#at = at
    if (this.#width !== text.length) this.#widen(text.length)
    if (this.#written[this.#size] !== text) this.#put(text)
    socket.isBatched = true
    this.#sockets[this.#size++] = socket
  }

  /** Sends what waits. @returns how many were written to past Node */
  send(): number {
    const sockets = this.#takeAll()
    const [chunk, at, width] = [this.#chunk, this.#at, this.#width]
    const isSent = this.#sendTo(sockets)
    const taken = this.#descriptors
    const full: DirectSocket[] = []
    for (let index = 0; index < sockets.length; index++) {
      const sent = taken[index] ?? -1
      const socket = sockets[index]
      if (socket === undefined || sent < 0 || sent === chunk.length) continue
      const own = Buffer.from(chunk)
      this.#texts.copy(own, at, index * width, (index + 1) * width)
      if (!socket.give(own.subarray(sent))) full.push(socket)
    }
    // Not now: who is told may write, and this may be in the middle of another's write.
    if (full.length > 0) queueMicrotask(() => full.forEach((socket) => socket.onFull()))
    return isSent ? sockets.length : 0
  }

  /** What stands there has other places now. */
  #widen(width: number): void {
    this.#width = width
    this.#written.length = 0
  }

  #put(text: string): void {
    this.#written[this.#size] = text
    this.#texts.write(text, this.#size * text.length, 'latin1')
  }

  #takeAll(): DirectSocket[] {
    const sockets = this.#sockets.slice(0, this.#size) as DirectSocket[]
    this.#sockets.fill(undefined, 0, this.#size)
    this.#size = 0
    return sockets
  }

  /**
   * Leaves in place of each descriptor how many bytes the kernel took; below 0: it is closed.
   *
   * @returns whether they were sent past Node
   */
  #sendTo(sockets: readonly DirectSocket[]): boolean {
    const descriptors = this.#descriptors
    for (let index = 0; index < sockets.length; index++) {
      const socket = sockets[index]
      if (socket !== undefined) socket.isBatched = false
      descriptors[index] = socket?.descriptor ?? -1
    }
    try {
      this.#sendEach(descriptors, sockets.length, this.#chunk, this.#at, this.#texts, this.#width)
      return true
    } catch {
      // It throws before it sends anything: it is of another version. Node writes them all.
      for (let index = 0; index < sockets.length; index++) descriptors[index] = Math.min(descriptors[index] ?? -1, 0)
      return false
    }
  }
}
