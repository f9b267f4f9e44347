import { afterEach, expect, it, vi } from 'vitest'
import { guardLogger } from '../src/guard-logger.ts'

afterEach(() => void vi.restoreAllMocks())

it('calls the logger as its own methods', () => {
  class Logger {
    readonly lines: unknown[] = []
    info(...said: unknown[]): void {
      this.lines.push(said)
    }
    warn = this.info
    error = this.info
  }
  const logger = new Logger()
  const { info, warn } = guardLogger(logger)
  info('begun')
  warn('slow', { ms: 7 })
  expect(logger.lines).toEqual([
    ['begun', undefined],
    ['slow', { ms: 7 }],
  ])
})

it('goes on where the logger throws, or rejects later, and says so', async () => {
  const said = vi.spyOn(console, 'error').mockImplementation(() => {})
  const error = new Error('The disk is full.')
  const { warn, error: later } = guardLogger({
    info() {},
    warn() {
      throw error
    },
    // Nothing stops an application from giving one.
    error: () => Promise.reject(error),
  })
  warn('slow')
  later('broken')
  await new Promise(setImmediate)
  expect(said.mock.calls.map(([line, cause]) => [line, cause])).toEqual([
    ['zenstack-live: `warn` of the logger failed:', error],
    ['zenstack-live: `error` of the logger failed:', error],
  ])
})
