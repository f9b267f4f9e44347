import type { Histogram } from './histogram.ts'
import type { Metrics } from './metrics.ts'

/** How far a durable reader of the log is behind its end. */
export interface ReaderDistance {
  readonly id: string
  /** Of the write-ahead log; `undefined` when it has read nothing yet, or is in another epoch. */
  readonly bytes: number | undefined
}

/** What an edge does not count, but asks others for. */
export interface Distances {
  readonly readers: readonly ReaderDistance[]
  /** Unknown while the database does not answer. */
  readonly captureBehindMs?: number | undefined
}

type Labels = Readonly<Record<string, string>>
type Sample = readonly [value: number, labels?: Labels]

/**
 * The metrics of one edge in Prometheus' text format.
 *
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
 */
export function prometheusText(metrics: Metrics, { readers, captureBehindMs }: Distances): string {
  const lines: string[] = []
  const add = (type: 'counter' | 'gauge', name: string, help: string, samples: readonly Sample[]): void => {
    head(lines, type, name, help)
    for (const [value, labels] of samples) lines.push(`${PREFIX}${name}${labelText(labels)} ${value}`)
  }

  add('gauge', 'connections', 'Open streams.', [[metrics.connectionsNow]])
  add('gauge', 'connections_stalled', 'Open streams whose readers take no more.', [[metrics.connectionsStalledNow]])
  add('counter', 'connections_opened_total', 'Streams opened.', [[metrics.connectionsOpened]])
  add('counter', 'connections_cut_total', 'Streams cut because their readers were too slow.', [[metrics.slowReadersCut]])
  add('gauge', 'queries', 'Live queries, by what keeps them right.', by('engine', metrics.queriesNow))
  add('counter', 'queries_opened_total', 'Live queries opened.', by('engine', metrics.queriesOpened))
  add('counter', 'requery_reasons_total', 'Why queries are asked again instead of decided in memory.', by('reason', metrics.requeryReasons))
  add('counter', 'transactions_total', 'Transactions read from the log.', [[metrics.transactions]])
  add('counter', 'queries_concerned_total', 'Queries found by the index to be concerned by a transaction.', [[metrics.queriesConcerned]])
  add('counter', 'key_sets_concerned_total', "Sets of somebody's memberships found by the index to be concerned by a transaction.", [
    [metrics.keySetsConcerned],
  ])
  add('counter', 'rows_decided_total', 'Changes of rows judged in memory.', [[metrics.rowsDecided]])
  add('counter', 'requeries_total', 'Queries asked again.', [[metrics.requeries]])
  add('counter', 'requeries_too_early_total', 'Answers thrown away because they had not seen their cause.', [[metrics.requeriesTooEarly]])
  add('gauge', 'rows_held', 'Rows of answers that are kept to tell what changed.', [[metrics.rowsHeldNow]])
  add('gauge', 'questions_waiting', 'Questions that wait for the database.', [[metrics.questionsWaitingNow]])
  add('counter', 'database_transactions_total', 'Transactions opened at the database.', [[metrics.databaseTransactions]])
  add('counter', 'database_queries_total', 'Questions asked of the database.', [[metrics.databaseQueries]])
  add('counter', 'statements_repeated_total', 'Questions of them whose statement was known.', [[metrics.statementsRepeated]])
  add('counter', 'frames_sent_total', 'Blocks written to streams.', [[metrics.framesSent]])
  add('counter', 'frames_shared_total', 'Frames that were there already for someone who sees the same.', [[metrics.framesShared]])
  add('counter', 'sent_bytes_total', 'Bytes of frames written to streams.', [[metrics.bytesSent]])
  add('counter', 'direct_writes_total', 'Writes to streams past Node, by the socket writer.', [[metrics.directWrites]])
  add('counter', 'snapshots_total', 'Whole results given, by cause.', by('cause', metrics.snapshots))
  add('counter', 'resumes_total', 'Queries that went on from a position.', [[metrics.resumes]])
  add('counter', 'resets_total', 'Queries that could not be continued, by reason.', by('reason', metrics.resets))
  add('counter', 'refusals_total', 'Requests and queries that were refused, by code.', by('code', metrics.refusals))
  add('counter', 'identity_checks_total', 'How often getClient was asked again.', [[metrics.identityChecks]])
  add('counter', 'schema_renewals_total', 'How often the tables were read again because they changed.', [[metrics.schemaRenewals]])
  addHistogram(lines, 'decide_seconds', 'Matching and deciding one transaction for all queries.', metrics.decideSeconds)
  addHistogram(lines, 'commit_to_socket_seconds', 'From the commit timestamp to the write to the last socket.', metrics.commitToSocketSeconds)
  addHistogram(
    lines,
    'commit_to_answer_seconds',
    'From the commit timestamp to the answer that shows it, of queries that are asked again.',
    metrics.commitToAnswerSeconds,
  )
  addHistogram(
    lines,
    'revocation_seconds',
    'From a change that may concern who somebody is until their stream was settled.',
    metrics.revocationSeconds,
  )
  const behind: Sample[] = captureBehindMs === undefined ? [] : [[captureBehindMs / 1_000]]
  add('gauge', 'capture_behind_seconds', 'For how long what was committed has not come into the log, or what a commit needs for it.', behind)
  const distances = readers.flatMap(({ id, bytes }): Sample[] => (bytes === undefined ? [] : [[bytes, { reader: id }]]))
  add('gauge', 'durable_reader_distance_bytes', 'How far durable readers are behind the end of the log.', distances)
  return `${lines.join('\n')}\n`
}

const PREFIX = 'zenstack_live_'

function by(label: string, counters: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(counters).map(([name, value]) => [value, { [label]: name }])
}

function head(lines: string[], type: string, name: string, help: string): void {
  lines.push(`# HELP ${PREFIX}${name} ${help}`, `# TYPE ${PREFIX}${name} ${type}`)
}

function addHistogram(lines: string[], name: string, help: string, { bounds, counts, sumSeconds }: Histogram): void {
  head(lines, 'histogram', name, help)
  let count = 0
  for (const [index, bound] of [...bounds, '+Inf'].entries()) {
    count += counts[index] ?? 0
    lines.push(`${PREFIX}${name}_bucket${labelText({ le: String(bound) })} ${count}`)
  }
  lines.push(`${PREFIX}${name}_sum ${sumSeconds}`, `${PREFIX}${name}_count ${count}`)
}

function labelText(labels: Labels | undefined): string {
  if (labels === undefined) return ''
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`)
  return `{${pairs.join()}}`
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
