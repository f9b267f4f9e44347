/** `sendEach` of the optional package `@zenstack-live/socket-writer`. */
export type SendEach = (sockets: Int32Array, count: number, chunk: Uint8Array, at: number, texts: Uint8Array, width: number) => void

/** A socket that can be written to past Node. */
export interface DirectSocket {
  /** Its file descriptor now; below 0 once it is closed. Asked for when it is used: the system gives the numbers of closed ones to others. */
  readonly descriptor: number
  /** Writes what the kernel did not take, by Node, which finds out why. */
  writeRest(rest: Uint8Array): void
}

const MOST = 512
const WIDEST = 64

/** Sockets that are sent the same chunk, each with its own text in one place, by one call. */
export class SendBatch {
  readonly #sendEach: SendEach
  readonly #sockets: DirectSocket[] = []
  readonly #descriptors = new Int32Array(MOST)
  readonly #texts = Buffer.alloc(MOST * WIDEST)
  #width = 0

  constructor(sendEach: SendEach) {
    this.#sendEach = sendEach
  }

  get size(): number {
    return this.#sockets.length
  }

  get isFull(): boolean {
    return this.#sockets.length === MOST
  }

  takes(width: number): boolean {
    return width <= WIDEST
  }

  /** @param text - Latin-1, as wide as all others of the batch */
  add(socket: DirectSocket, text: string): void {
    this.#width = text.length
    this.#texts.write(text, this.#sockets.length * text.length, 'latin1')
    this.#sockets.push(socket)
  }

  /** @param at - where in the chunk the texts belong */
  send(chunk: Buffer, at: number): void {
    const sockets = this.#sockets.splice(0)
    const [descriptors, width] = [this.#descriptors, this.#width]
    for (let index = 0; index < sockets.length; index++) descriptors[index] = sockets[index]?.descriptor ?? -1
    this.#sendEach(descriptors, sockets.length, chunk, at, this.#texts, width)
    // Made before any is told: who is told may write, and fill the batch anew.
    const rests: [DirectSocket, Uint8Array][] = []
    for (const [index, socket] of sockets.entries()) {
      const sent = descriptors[index] ?? -1
      if (sent < 0 || sent === chunk.length) continue
      const own = Buffer.from(chunk)
      this.#texts.copy(own, at, index * width, (index + 1) * width)
      rests.push([socket, own.subarray(sent)])
    }
    for (const [socket, rest] of rests) socket.writeRest(rest)
  }
}
