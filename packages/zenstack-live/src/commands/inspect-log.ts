import { ChangeLogError, openRedisLog } from '@zenstack-live/change-log'
import type { LoadedConfig } from '../load-config.ts'
import { DEFAULT_LOG_DIRECTORY } from '../log-directory.ts'
import type { Finding } from './examine.ts'
import { formatBytes } from './style.ts'

/** What the doctor finds where the changes are kept. */
export async function inspectLog(config: LoadedConfig): Promise<Finding[]> {
  if (config.redis === undefined) {
    return [
      {
        severity: 'ok',
        area: 'log',
        message: `No Redis is configured: the log lives in ${config.directory ?? DEFAULT_LOG_DIRECTORY}, for one process.`,
      },
    ]
  }
  const warnings = new Set<string>()
  try {
    const log = await openRedisLog({ ...config.redis, onWarning: (message) => warnings.add(message) })
    try {
      const { entries, bytes, epoch } = await log.state()
      const size = bytes === undefined ? '' : `, ${formatBytes(bytes)}`
      const told = [...warnings].map((message): Finding => ({ severity: 'warning', area: 'log', message }))
      return [{ severity: 'ok', area: 'log', message: `The change log holds ${entries} entries${size}, epoch ${epoch}.` }, ...told]
    } finally {
      await log.close()
    }
  } catch (error) {
    const { what, cure } = error instanceof ChangeLogError ? error : { what: error instanceof Error ? error.message : String(error) }
    return [{ severity: 'error', area: 'log', message: `The change log cannot be used: ${what}`, ...(cure === undefined ? {} : { cure }) }]
  }
}
