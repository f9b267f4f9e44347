import { setTimeout as sleep } from 'node:timers/promises'
import { startCapture, type CaptureState } from '@zenstack-live/cdc'
import { openRedisLog, type ChangeLog } from '@zenstack-live/change-log'
import { captureTarget, readCaptured } from '../capture-target.ts'
import { logSink } from '../log-sink.ts'
import { DEFAULT_RETENTION, TRIM_INTERVAL_MS } from '../retention.ts'
import { EXIT_CODES, type Command, type CommandContext } from './command.ts'
import { parseOptions, readConfig, UsageError } from './parse-options.ts'
import { createStyle, formatBytes } from './style.ts'

const REPORT_INTERVAL_MS = 10_000

export const command: Command = {
  summary: 'Reads changes from Postgres into the change log, until it is ended.',
  usage: `Usage: zenstack-live cdc [--snapshot] [--config <file>] [--json]

  --snapshot   where the log is new: first every row that is there, for readers
               of the log that fill a copy of the tables; live queries need none

Of many such processes one reads and the others stand by; when it ends, another goes on.
Applications that capture by themselves (\`new ZenStackLive\` does) need none.`,
  async run(context) {
    const { values } = parseOptions(context, { snapshot: { type: 'boolean' } })
    const config = await readConfig(context, values.config)
    if (config.redis === undefined) {
      throw new UsageError('Without Redis the log belongs to the process that serves it. Set REDIS_URL, or let `new ZenStackLive` capture.')
    }
    const target = captureTarget(config)
    const { tables } = await readCaptured(config, target.url)
    const log = await openRedisLog({ ...config.redis, onWarning: context.note })
    const capture = startCapture({
      ...target,
      tables,
      sink: logSink(log),
      ...(values.snapshot === true ? { snapshot: 'initial' } : {}),
      logger: { info: () => {}, warn: context.note },
      onState: (state) => context.print(stateLine(context, state, values.json)),
      signal: context.signal,
    })
    const trimming = setInterval(() => void trim(context, log, config.retention ?? DEFAULT_RETENTION), TRIM_INTERVAL_MS)
    try {
      while (!context.signal.aborted) {
        await sleep(REPORT_INTERVAL_MS, undefined, { signal: context.signal }).catch(() => undefined)
        const { bytes, ms } = capture.lag
        if (context.signal.aborted || capture.state.kind !== 'leading') continue
        if (values.json) context.print(JSON.stringify({ lagBytes: bytes, lagMs: ms }))
        else if (bytes !== undefined && bytes > 16_000_000) context.note(`Behind by ${formatBytes(bytes)} of WAL.`)
      }
      return EXIT_CODES.ok
    } finally {
      clearInterval(trimming)
      await capture.close()
      await log.close()
    }
  },
}

async function trim(context: CommandContext, log: ChangeLog, retention: Parameters<ChangeLog['trim']>[0]): Promise<void> {
  await log.trim(retention).catch((error: unknown) => context.note(`The change log could not be trimmed: ${String(error)}`))
}

function stateLine({ hasColors }: CommandContext, state: CaptureState, isJson: boolean): string {
  if (isJson) return JSON.stringify(state.kind === 'failing' ? { ...state, error: state.error.message } : state)
  const style = createStyle(hasColors)
  switch (state.kind) {
    case 'connecting':
      return style.dim('Connecting.')
    case 'waiting':
      return `${style.caution('…')} Another process reads the changes; standing by.`
    case 'leading':
      return `${style.good('✔')} Reading changes, epoch ${state.epoch}.`
    case 'failing':
      return `${style.bad('✖')} ${state.error.message} ${style.dim(`Trying again in ${state.retryInMs} ms.`)}`
    default:
      return style.dim('Ended.')
  }
}
