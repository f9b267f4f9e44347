/**
 * Sends a chunk to many sockets, without waiting, each with a text of its own in it.
 *
 * @param sockets - file descriptors. In place of each it leaves how many bytes the kernel took: 0 also where the socket has failed, -1 where there was
 *   none (below 0)
 * @param count - of those, how many
 * @param chunk - at most 2 GiB; what `at` and `width` name of it is written over
 * @param texts - one after the other, `width` bytes each
 * @throws {TypeError} for anything else
 * @throws {RangeError} when there is less than was told
 */
export function sendEach(sockets: Int32Array, count: number, chunk: Uint8Array, at: number, texts: Uint8Array, width: number): void
