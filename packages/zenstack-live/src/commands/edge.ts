import cluster from 'node:cluster'
import { availableParallelism } from 'node:os'
import { errorCodeOf } from '@zenstack-live/protocol'
import type { LoadedConfig } from '../load-config.ts'
import { runWorkers } from '../run-workers.ts'
import { serveEdge } from '../serve-edge.ts'
import { EXIT_CODES, type Command, type CommandContext } from './command.ts'
import { examine } from './examine.ts'
import { noteLogger } from './note-logger.ts'
import { parseOptions, readConfig, UsageError } from './parse-options.ts'
import { readPort } from './read-port.ts'
import { createStyle } from './style.ts'

interface EdgeSettings {
  config: LoadedConfig
  port: number | undefined
  /** Of the first worker; the others count on from it. */
  operationsPort: number | undefined
  base: string | undefined
  isJson: boolean
}

/** Tells a worker which one it is. */
const WORKER_NUMBER = 'ZENSTACK_LIVE_WORKER'
const MOST_WORKERS = 256

export const command: Command = {
  summary: 'Serves live queries over HTTP, for the people that `getClient` knows.',
  usage: `Usage: zenstack-live edge [--port <number>] [--base <path>] [--workers <number>|auto] [--operations-port <number>] [--config <file>] [--json]

  --port             where it listens; PORT, or 4000
  --base             path of the live queries; /api/live
  --workers          processes that share the port, each with a tail of the log; auto: one for each processor; WORKERS, or 1
  --operations-port  where /metrics, /status and /health are answered: worker 0 at this port, worker 1 at the next; OPERATIONS_PORT, or nowhere
  --json             what is said, and what is refused or goes wrong, as lines of JSON

GET /health answers 200 while queries can be opened, and 503 with the reasons while they cannot. SIGTERM sends every stream elsewhere before it ends.
With several workers, one that ends is started again, and SIGHUP replaces them one after the other.`,
  async run(context) {
    const { values } = parseOptions(context, {
      port: { type: 'string' },
      base: { type: 'string' },
      workers: { type: 'string' },
      'operations-port': { type: 'string' },
    })
    const workers = readWorkers(values.workers ?? context.env['WORKERS'])
    const settings: EdgeSettings = {
      port: readPort(values.port ?? context.env['PORT']),
      operationsPort: readPort(values['operations-port'] ?? context.env['OPERATIONS_PORT']),
      config: await readConfig(context, values.config),
      base: readBase(values.base),
      isJson: values.json,
    }
    if (workers > 1 && cluster.isPrimary) await superviseWorkers(context, settings, workers)
    else await serve(context, settings)
    return EXIT_CODES.ok
  },
}

async function superviseWorkers(context: CommandContext, settings: EdgeSettings, count: number): Promise<void> {
  if (settings.config.redis === undefined)
    throw new UsageError('Several workers need Redis, which they can all read: the log without it belongs to one process. Set REDIS_URL.')
  const { signal, note } = context
  await runWorkers({
    count,
    signal,
    note,
    numberVariable: WORKER_NUMBER,
    onListening: (port) => announce(context, settings, `http://localhost:${port}`),
  })
}

async function serve(context: CommandContext, settings: EdgeSettings): Promise<void> {
  const { config, port, operationsPort, base, isJson } = settings
  const number = cluster.isWorker ? Number(context.env[WORKER_NUMBER] ?? 0) : 0
  const serving = serveEdge(config, {
    ...(port === undefined ? {} : { port }),
    ...(operationsPort === undefined ? {} : { operationsPort: operationsPort === 0 ? 0 : operationsPort + number }),
    ...(base === undefined ? {} : { base }),
    logger: noteLogger(context.note, isJson),
  })
  const edge = await serving.catch(async (error: unknown) => {
    throw await withAllThatIsWrong(error, config)
  })
  if (!cluster.isWorker) announce(context, settings, edge.url)
  if (!context.signal.aborted) await new Promise((resolve) => context.signal.addEventListener('abort', resolve, { once: true }))
  await edge.close()
}

/** What ended the start may hide more: who mends one thing at a time starts many times. */
async function withAllThatIsWrong(reason: unknown, config: LoadedConfig): Promise<unknown> {
  const findings = await examine(config).catch(() => [])
  const wrong = findings
    .filter(({ severity }) => severity === 'error')
    .map(({ message, cure }) => (cure === undefined ? message : `${message} ${cure}`))
  const code = errorCodeOf(reason)
  // That the database or the log does not answer is among the findings, with what mends it.
  if (wrong.length === 0 || !(reason instanceof Error)) return reason
  const all = code === 'database_unavailable' || code === 'log_unavailable' ? wrong : [reason.message, ...wrong]
  return all.length === 1 ? reason : new Error(['The edge cannot start:', ...all.map((line) => `  ✖ ${line}`)].join('\n'), { cause: reason })
}

function announce({ print, hasColors }: CommandContext, { isJson, base }: EdgeSettings, url: string): void {
  print(isJson ? JSON.stringify({ url }) : `${createStyle(hasColors).good('✔')} Serving live queries at ${url}${base ?? '/api/live'}`)
}

function readBase(text: string | undefined): string | undefined {
  if (text !== undefined && !/^(\/[^/?#*]+)+$/.test(text)) throw new UsageError(`"${text}" is not a path. Give one as /api/live.`)
  return text
}

function readWorkers(text: string | undefined): number {
  if (text === undefined || text === '') return 1
  if (text === 'auto') return availableParallelism()
  const count = Number(text)
  if (!Number.isInteger(count) || count < 1 || count > MOST_WORKERS)
    throw new UsageError(`"${text}" is not a number of workers. Give one from 1 to ${MOST_WORKERS}, or auto.`)
  return count
}
