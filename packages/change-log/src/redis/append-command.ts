import { Command } from 'ioredis'
import { storeEntry } from '../entry-codec.ts'
import { APPEND } from './append-script.ts'
import type { AppendUnit } from './append-queue.ts'
import type { RedisClient } from './redis-connection.ts'
import { RespWriter } from './resp-writer.ts'

/** What stands in front of the entries, in the order in which the script reads it. */
export interface AppendHead {
  keys: readonly string[]
  args: readonly (string | number)[]
}

/** A command whose bytes are written already; the client library sends it, repeats it and matches its answer as any other. */
class WrittenCommand extends Command {
  readonly #bytes: Buffer

  constructor(name: string, head: readonly (string | number)[], keyPrefix: string | undefined, write: (args: readonly unknown[]) => Buffer) {
    super(name, [...head], { replyEncoding: 'utf8', ...(keyPrefix === undefined ? {} : { keyPrefix }) })
    // The constructor has put the prefix in front of the keys.
    this.#bytes = write(this.args)
  }

  override toWritable(): Buffer {
    return this.#bytes
  }
}

/** Sends runs of entries to the append script; the bytes of one run are used again for a later one. */
export interface AppendSender {
  send(head: AppendHead, unit: AppendUnit): Promise<unknown>
}

/** @param maxIdleBytes - a writer that has grown beyond this, by one very large entry, is let go */
export function createAppendSender(redis: RedisClient, maxIdleBytes: number): AppendSender {
  const idle: RespWriter[] = []
  const { keyPrefix } = redis.options

  const run = async (name: 'evalsha' | 'eval', script: string, { keys, args }: AppendHead, { entries }: AppendUnit): Promise<unknown> => {
    const writer = idle.pop() ?? new RespWriter()
    const command = new WrittenCommand(name, [script, keys.length, ...keys, ...args], keyPrefix, (all) => {
      writer.begin()
      writer.bulk(name)
      for (const argument of all) writer.bulk(String(argument))
      for (const entry of entries) {
        const { header, key, value } = storeEntry(entry)
        writer.bulk(entry.id)
        writer.bulk(header)
        writer.bulk(key)
        writer.bulk(value)
      }
      return writer.finish()
    })
    const reply: unknown = await redis.sendCommand(command)
    // Answered, so read. A command that failed may still be waiting to be sent: its bytes stay its own.
    if (writer.capacityBytes <= maxIdleBytes) idle.push(writer)
    return reply
  }

  return {
    async send(head, unit) {
      try {
        return await run('evalsha', APPEND.sha, head, unit)
      } catch (error) {
        // A restart forgets scripts.
        if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
        return run('eval', APPEND.text, head, unit)
      }
    },
  }
}
