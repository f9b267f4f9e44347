import type { CaptureSink } from '@zenstack-live/cdc'
import type { EntryId, LogBatch, LogEntry } from '@zenstack-live/protocol'

/** A capture that breaks one promise, on purpose. */
export interface Mutation {
  /** The promise. */
  breaks: string
  /** What stands between the capture and the log. */
  wrap?: (sink: CaptureSink) => CaptureSink
  /** Confirms to Postgres at once what a log that forgets has only just kept. */
  confirmsAtOnce?: true
}

/** Each has to be noticed by the fuzzer. */
export const MUTATIONS: Readonly<Record<string, Mutation>> = {
  lose: { breaks: 'every change is in the log', wrap: (sink) => everyFifth(sink, () => []) },
  repeat: { breaks: 'a repeat after a crash is refused by its id', wrap: withRisingIds },
  reorder: { breaks: 'the order of commits', wrap: (sink) => mapped(sink, swapContents) },
  tear: { breaks: 'transactions are whole', wrap: (sink) => mapped(sink, (batches) => batches.map(endEarly)) },
  hush: {
    breaks: 'a change of tables is told',
    wrap: (sink) => mapped(sink, (batches) => batches.filter(({ entries }) => entries[0]?.kind !== 'bulk')),
  },
  stale: { breaks: 'old rows are those before the change', wrap: (sink) => mapped(sink, (batches) => batches.map(forgetOld)) },
  confirm: { breaks: 'what a log may still lose stays in the slot', confirmsAtOnce: true },
}

function mapped(sink: CaptureSink, change: (batches: readonly LogBatch[]) => readonly LogBatch[]): CaptureSink {
  return { ...sink, write: (batches) => sink.write(change(batches)) }
}

function everyFifth(sink: CaptureSink, change: () => readonly LogBatch[]): CaptureSink {
  let writes = 0
  return mapped(sink, (batches) => (++writes % 5 === 0 ? change() : batches))
}

/** Ids that say when something was written, not what it is. */
function withRisingIds(sink: CaptureSink): CaptureSink {
  let count = BigInt(Date.now()) * 1_000_000n
  const renamed = (entry: LogEntry): LogEntry => ({ ...entry, id: `${4n << 52n}-${++count}` as EntryId })
  return {
    ...sink,
    // The epoch of such ids says nothing.
    state: async () => ({ ...(await sink.state()), epoch: 1 }),
    write: (batches) => sink.write(batches.map(({ entries }) => ({ entries: entries.map(renamed) }))),
  }
}

/** The changes of a transaction in reverse, under the same ids. */
function swapContents(batches: readonly LogBatch[]): LogBatch[] {
  return batches.map(({ entries }) => {
    const reversed = entries.toReversed()
    return {
      entries: entries.map((entry, index) => {
        const other = reversed[index]
        return entry.kind === 'change' && other?.kind === 'change' ? { ...entry, key: other.key, value: other.value } : entry
      }),
    }
  })
}

function endEarly({ entries }: LogBatch): LogBatch {
  return { entries: entries.map((entry) => (entry.kind === 'change' ? { ...entry, isLastOfTransaction: true } : entry)) }
}

function forgetOld({ entries }: LogBatch): LogBatch {
  return { entries: entries.map((entry) => (entry.kind === 'change' ? { ...entry, value: entry.value.replace(/"n":(\d)/, '"n":1$1') } : entry)) }
}
