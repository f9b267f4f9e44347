import { ReplyScanner } from './reply-scanner.ts'

/** Longest beginning of a reply that is looked at: the stream's name and the first id stand in it. */
const HEAD_BYTES = 512
const HEAD = /^(?:%1\r\n|\*\d+\r\n\*2\r\n)\$\d+\r\n[^\r\n]*\r\n\*\d/
const LINE_END = Buffer.from('\r\n')

/**
 * Hands replies on as they come, except for lists of stream entries: these become one blob each, that holds the reply's own bytes.
 *
 * ```
 *   +OK                      ──► +OK
 *   *500 *2 $id *6 $h $… …   ──► $<bytes> *500 *2 $id *6 $h $… …
 * ```
 * A client library makes an object of every value of a reply, nine for each entry, which takes it five times as long as everything
 * else that happens to an entry (`pnpm bench streams`). Of a blob it makes one, and whoever asked reads the entries out of it.
 *
 * @param into - takes the bytes of whole replies; a reply is held back until it is complete
 */
export function packEntries(into: (chunk: Buffer) => void): (chunk: Buffer) => void {
  const scanner = new ReplyScanner()
  let held: Buffer[] = []
  return (chunk) => {
    for (let from = 0; from < chunk.length;) {
      const end = scanner.endOf(chunk, from)
      held.push(end < 0 ? chunk.subarray(from) : chunk.subarray(from, end))
      if (end < 0) return
      from = end
      const reply = held
      held = []
      for (const part of isListOfEntries(reply) ? asBlob(reply) : reply) into(part)
    }
  }
}

function isListOfEntries(reply: readonly Buffer[]): boolean {
  const [first] = reply
  if (first === undefined) return false
  const head = reply.length === 1 || first.length >= HEAD_BYTES ? first : Buffer.concat(reply)
  return HEAD.test(head.toString('latin1', 0, HEAD_BYTES))
}

function asBlob(reply: readonly Buffer[]): Buffer[] {
  const bytes = reply.reduce((sum, part) => sum + part.length, 0)
  return [Buffer.from(`$${bytes}\r\n`), ...reply, LINE_END]
}
