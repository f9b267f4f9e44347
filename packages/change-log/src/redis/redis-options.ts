import type { ClusterNode, ClusterOptions, RedisOptions } from 'ioredis'
import type { ChangeLogLimits } from '../limits.ts'

export interface RedisLogOptions {
  /** Such as `redis://user:password@host:6379/0`, or `rediss://` for TLS. Left out where `connection` or `cluster` say it all. */
  url?: string
  /**
   * Name of the stream; what belongs to it stands beside it under `{name}:…`, in one slot of a cluster.
   *
   * @defaultValue `zenstack:changes`
   */
  name?: string
  /** Anything ioredis takes: `tls`, `username`, `sentinels`, `name`, `keyPrefix`… */
  connection?: RedisOptions
  /** A Redis Cluster instead of one server. */
  cluster?: { nodes: ClusterNode[]; options?: ClusterOptions }
  limits?: Partial<ChangeLogLimits>
  /** Told of what does not stop the log but someone should know: lost connections, an eviction policy that may delete the log. */
  onWarning?: (message: string) => void
}

export const DEFAULT_LOG_NAME = 'zenstack:changes'

export interface LogKeys {
  stream: string
  meta: string
  samples: string
  notes: string
  readers: string
  reader: (id: string) => string
  deadLetters: (id: string) => string
  /** Their keys, the oldest first. */
  deadLetterOrder: (id: string) => string
}

/** All keys of a log hash to the slot of its stream: a key without braces hashes whole, just as `{key}` does. */
export function logKeys(name: string): LogKeys {
  const base = /\{[^}]+\}/.test(name) ? name : `{${name}}`
  return {
    stream: name,
    meta: `${base}:meta`,
    samples: `${base}:samples`,
    notes: `${base}:notes`,
    readers: `${base}:readers`,
    reader: (id) => `${base}:reader:${id}`,
    deadLetters: (id) => `${base}:dead:${id}`,
    deadLetterOrder: (id) => `${base}:dead-order:${id}`,
  }
}
